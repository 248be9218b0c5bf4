//! The same context inside a JSON text, as WebSocket messages carry it.

use super::Caller;

impl Caller {
    /// A JSON object with the caller's context as its first member: `_sentry` from Sentry's SDKs,
    /// `_trace` from the others.
    ///
    /// ```
    /// use throughline_testkit::{Caller, Sdk};
    ///
    /// let text = Caller::new(Sdk::SentryRust).first_in(r#"{"type":"build-stream"}"#);
    /// assert_eq!(
    ///     text,
    ///     r#"{"_sentry":{"trace":"0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"},"type":"build-stream"}"#
    /// );
    /// ```
    ///
    /// # Panics
    /// If `object` does not begin and end with braces. What lies between is taken as it is: a broken
    /// message stays broken.
    #[track_caller]
    pub fn first_in(&self, object: &str) -> String {
        let inside = inside(object);
        let comma = if inside.trim().is_empty() { "" } else { "," };
        format!("{{{}{comma}{inside}}}", self.member())
    }

    /// The same as the last member, where JavaScript puts a key that is set on an existing object.
    ///
    /// ```
    /// use throughline_testkit::{Caller, Sdk};
    ///
    /// let text = Caller::new(Sdk::OpenTelemetry).last_in(r#"{"a":1}"#);
    /// assert_eq!(
    ///     text,
    ///     r#"{"a":1,"_trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}"#
    /// );
    /// ```
    ///
    /// # Panics
    /// As [`first_in`](Self::first_in).
    #[track_caller]
    pub fn last_in(&self, object: &str) -> String {
        let inside = inside(object);
        let comma = if inside.trim().is_empty() { "" } else { "," };
        format!("{{{inside}{comma}{}}}", self.member())
    }

    /// Key and value. Inside of `_sentry` the fields have names of their own, and no others.
    fn member(&self) -> String {
        let sentry = self.sdk.is_sentry();
        let field = |(name, value): (&'static str, String)| {
            let name = match name {
                "sentry-trace" => "trace",
                "traceparent" | "tracestate" if sentry => return None,
                name => name,
            };
            Some(format!("\"{name}\":\"{}\"", escaped(&value)))
        };
        let fields: Vec<_> = self.fields().into_iter().filter_map(field).collect();
        let key = if sentry { "_sentry" } else { "_trace" };
        format!("\"{key}\":{{{}}}", fields.join(","))
    }
}

#[track_caller]
fn inside(object: &str) -> &str {
    let inside = object.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inside.unwrap_or_else(|| panic!("the text is not a JSON object"))
}

/// Header values hold visible ASCII and spaces, of which JSON escapes these two.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use crate::{Caller, Sdk};

    #[test]
    fn an_empty_object_gets_no_comma() {
        let caller = Caller::new(Sdk::SentryRust);
        for (text, only) in [
            (caller.first_in("{}"), "{\"_sentry\":{"),
            (caller.last_in(" { } "), "{ \"_sentry\":{"),
        ] {
            assert!(
                text.starts_with(only) && text.ends_with("}}") && !text.contains(','),
                "{text}"
            );
        }
    }

    #[test]
    fn a_value_that_json_has_to_escape_is_escaped() {
        let state = "v=\"a\\b\"".parse().unwrap();
        let text = Caller::new(Sdk::OpenTelemetryPython).with_trace_state(state).first_in("{}");
        assert!(text.contains(r#""tracestate":"v=\"a\\b\"""#), "{text}");
    }

    #[test]
    #[should_panic(expected = "the text is not a JSON object")]
    fn what_is_no_object_is_refused() {
        Caller::new(Sdk::SentryJs).last_in("[1]");
    }
}
