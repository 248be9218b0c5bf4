use std::fmt;

use super::Field;

/// Why a field was refused: which rule of its format it broke.
///
/// Names the field and the rule, never the value (rule TR-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParseError {
    field: Field,
    rule: Rule,
}

impl ParseError {
    pub(crate) const fn new(field: Field, rule: Rule) -> Self {
        Self { field, rule }
    }

    /// The field that was refused, or a member of it.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// The rule that it broke.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.field.as_str(), self.rule.breach(), self.rule.id())
    }
}

impl std::error::Error for ParseError {}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $breach:literal;)+) => {
        /// A rule of a wire format that a received field can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $name,)+
        }

        impl Rule {
            /// The stable id, for metrics and for looking the rule up.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// What a field that breaks the rule does, as the end of a sentence.
            const fn breach(self) -> &'static str {
                match self {
                    $(Self::$name => $breach,)+
                }
            }
        }
    };
}

rules! {
    /// A `traceparent` of version 00 that is not two, 32, 16 and two lower-case hex digits with
    /// dashes between, or has version `ff`, or an id of zeros.
    Tp3 = "TP-3", "is not a valid version 00 value";
    /// A `traceparent` of a later version that does not begin like version 00.
    Tp4 = "TP-4", "of a later version does not begin like version 00";
    /// More than one `traceparent`.
    Tp5 = "TP-5", "is there more than once";
    /// A `tracestate` without a valid `traceparent`.
    Ts1 = "TS-1", "comes without a valid traceparent";
    /// A `tracestate` with a member that is not a key, a sign and a value.
    Ts7 = "TS-7", "has a malformed member";
    /// A `tracestate` with more than 32 members.
    Ts9 = "TS-9", "has more than 32 members";
    /// A baggage member that is not a token, a sign and a value of baggage octets.
    Bg9 = "BG-9", "has a malformed member";
    /// Baggage with more than 64 members or 8192 bytes.
    Bg10 = "BG-10", "has more than 64 members or 8192 bytes";
    /// A `sentry-trace` that is not two ids and, if anything, `0` or `1`.
    Se1 = "SE-1", "is not two ids and an optional decision";
    /// Several `sentry-trace` values that differ.
    Se2 = "SE-2", "is there more than once, with different values";
    /// Sentry members without a `sentry-trace`.
    Se5 = "SE-5", "has sentry members without a valid sentry-trace";
    /// A trace of another organization.
    Se8 = "SE-8", "comes from another organization";
    /// A dynamic sampling context of another trace.
    Se11 = "SE-11", "has sentry members of another trace";
    /// Two trace headers that name different traces; the one that is not primary is refused.
    Bo2 = "BO-2", "names another trace than the primary header";
    /// A B3 field that is not two ids and an optional state.
    B3 = "B3", "is not a valid B3 value";
    /// A Datadog field that is not a decimal id, a priority or a list of tags.
    Datadog = "DD", "is not a valid Datadog value";
    /// A `grpc-trace-bin` field that is not the 29 bytes of its format in base64.
    GrpcTraceBin = "GR", "is not a valid grpc-trace-bin value";
    /// An X-Ray field without a valid root, or with a malformed parent.
    XRay = "XR", "is not a valid X-Ray value";
    /// A field inside a message that is not a text, or a context there that is not an object.
    Ms4 = "MS-4", "is not a text inside an object";
    /// A field that is longer than what is looked at.
    Tr4 = "TR-4", "is too long to be looked at";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_field_and_rule() {
        assert_eq!(
            ParseError::new(Field::TraceParent, Rule::Tp5).to_string(),
            "traceparent is there more than once (TP-5)"
        );
    }
}
