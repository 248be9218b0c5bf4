use http::HeaderName;

/// A field of a carrier that holds trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// `traceparent`, W3C Trace Context.
    TraceParent,
    /// `tracestate`, W3C Trace Context.
    TraceState,
    /// `sentry-trace`.
    SentryTrace,
    /// `baggage`, W3C Baggage.
    Baggage,
}

impl Field {
    /// Every field, in the order in which they are written.
    pub const ALL: [Self; 4] =
        [Self::TraceParent, Self::TraceState, Self::SentryTrace, Self::Baggage];

    /// The name in headers, message headers and metadata: lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TraceParent => "traceparent",
            Self::TraceState => "tracestate",
            Self::SentryTrace => "sentry-trace",
            Self::Baggage => "baggage",
        }
    }

    /// The name as an HTTP header. Cloning it allocates nothing.
    #[must_use]
    pub fn header_name(self) -> &'static HeaderName {
        static NAMES: [HeaderName; 4] = [
            HeaderName::from_static(Field::TraceParent.as_str()),
            HeaderName::from_static(Field::TraceState.as_str()),
            HeaderName::from_static(Field::SentryTrace.as_str()),
            HeaderName::from_static(Field::Baggage.as_str()),
        ];
        &NAMES[self.index()]
    }

    /// The field of that name, in any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        // No two names have the same length.
        let field = match name.len() {
            7 => Self::Baggage,
            10 => Self::TraceState,
            11 => Self::TraceParent,
            12 => Self::SentryTrace,
            _ => return None,
        };
        name.eq_ignore_ascii_case(field.as_str().as_bytes()).then_some(field)
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_in_any_case() {
        for field in Field::ALL {
            assert_eq!(Field::from_name(field.as_str().as_bytes()), Some(field));
            assert_eq!(Field::from_name(field.as_str().to_uppercase().as_bytes()), Some(field));
            assert_eq!(field.header_name().as_str(), field.as_str());
        }
        assert_eq!(Field::from_name(b"traceparens"), None);
        assert_eq!(Field::from_name(b""), None);
    }
}
