use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::payload::Object;
use crate::context::TraceContext;
use crate::limits;
use crate::propagation::{
    Extraction, Extractor, Field, FieldValue, Injector, ParseError, Propagator, Received, Rule,
};

/// Where in a JSON object the context stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// `_trace`: `{traceparent, tracestate, baggage, sentry-trace}`.
    Trace,
    /// `_sentry`: `{trace, baggage}`, as Sentry's users write it.
    Sentry,
}

impl Placement {
    const ALL: [Self; 2] = [Self::Trace, Self::Sentry];

    const fn key(self) -> &'static str {
        match self {
            Self::Trace => "_trace",
            Self::Sentry => "_sentry",
        }
    }

    /// The fields of this placement and what they are called in it.
    const fn fields(self) -> &'static [(&'static str, Field)] {
        match self {
            Self::Trace => &[
                ("traceparent", Field::TraceParent),
                ("tracestate", Field::TraceState),
                ("sentry-trace", Field::SentryTrace),
                ("baggage", Field::Baggage),
            ],
            Self::Sentry => &[("trace", Field::SentryTrace), ("baggage", Field::Baggage)],
        }
    }
}

/// Carries a [`TraceContext`] inside JSON texts.
///
/// Writes the context first, so that a reader finds it without walking the payload. Reads it from any
/// known placement, wherever in the object it stands.
#[derive(Clone, Debug)]
pub struct Envelope {
    propagator: Propagator,
    write: Vec<Placement>,
    max_context_bytes: usize,
}

impl Envelope {
    /// An envelope for JSON objects that writes `_trace` and `_sentry`.
    #[must_use]
    pub fn json() -> Self {
        Self {
            propagator: Propagator::default(),
            write: Placement::ALL.to_vec(),
            max_context_bytes: limits::ENVELOPE_CONTEXT_BYTES,
        }
    }

    /// Which formats are read and written inside the placements.
    #[must_use]
    pub fn propagation(self, propagator: Propagator) -> Self {
        Self { propagator, ..self }
    }

    /// Writes the context to these placements, in this order.
    #[must_use]
    pub fn write(self, placements: impl IntoIterator<Item = Placement>) -> Self {
        Self { write: placements.into_iter().collect(), ..self }
    }

    /// The longest context in bytes of JSON that is read from or written to one placement; 16 KiB by
    /// default. A longer one is refused when it is read (rule TR-4). When it is written, it loses its
    /// baggage, then its tracestate, and if even the parent does not fit, nothing is written.
    #[must_use]
    pub fn max_context_bytes(self, bytes: usize) -> Self {
        Self { max_context_bytes: bytes, ..self }
    }

    /// Serializes a value together with the current context, [`TraceContext::current`].
    ///
    /// # Errors
    /// If the value cannot be serialized.
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<String, serde_json::Error> {
        self.encode_with(value, &TraceContext::current())
    }

    /// Serializes a value together with a context. A value that is no object, or that brings a
    /// context of its own (rule MS-1), stays as it is; so does every value where there is no context
    /// (rule MS-3).
    ///
    /// # Errors
    /// If the value cannot be serialized.
    pub fn encode_with<T: Serialize + ?Sized>(
        &self,
        value: &T,
        context: &TraceContext,
    ) -> Result<String, serde_json::Error> {
        let text = serde_json::to_string(value)?;
        Ok(match self.inject(&text, context) {
            Cow::Owned(text) => text,
            Cow::Borrowed(_) => text,
        })
    }

    /// Deserializes a value and reads the context beside it. The value does not see the context's
    /// members, so its type may deny unknown fields.
    ///
    /// # Errors
    /// If the value cannot be deserialized. A bad context is no error (rule MS-4): it is reported in
    /// [`Extraction::refused`].
    pub fn decode<T: DeserializeOwned>(
        &self,
        text: &str,
    ) -> Result<(T, Extraction), serde_json::Error> {
        let extraction = self.extract(text);
        Ok((serde_json::from_str(&self.strip(text))?, extraction))
    }

    /// Reads the context of a text. A text without one, or that is no JSON object, gives an empty
    /// extraction.
    #[must_use]
    pub fn extract(&self, text: &str) -> Extraction {
        let Some(object) = Object::parse(text) else { return Extraction::default() };
        let mut fields = ReadFields::default();
        for placement in Placement::ALL {
            if let Some(value) = object.get(placement.key()) {
                fields.read(placement, value, self.max_context_bytes);
            }
        }
        let mut extraction = self.propagator.extract(&fields);
        extraction.refused.append(&mut fields.refused);
        extraction.refused.truncate(limits::REFUSALS);
        extraction
    }

    /// Adds a context to a text. A text that brings one already keeps it (rule MS-1).
    #[must_use]
    pub fn inject<'a>(&self, text: &'a str, context: &TraceContext) -> Cow<'a, str> {
        match Object::parse(text) {
            Some(object) if !object.has(&KEYS) => self.rewrite(text, &object, context),
            _ => Cow::Borrowed(text),
        }
    }

    /// Replaces the context of a text, in whatever placement it stands: what a relay does, so that
    /// its own span becomes the next hop's parent (rule MS-7). An empty context removes it.
    #[must_use]
    pub fn replace<'a>(&self, text: &'a str, context: &TraceContext) -> Cow<'a, str> {
        match Object::parse(text) {
            Some(object) => self.rewrite(text, &object, context),
            None => Cow::Borrowed(text),
        }
    }

    /// Removes the context of a text.
    #[must_use]
    pub fn strip<'a>(&self, text: &'a str) -> Cow<'a, str> {
        strip(text)
    }

    fn rewrite<'a>(
        &self,
        text: &'a str,
        object: &Object<'_>,
        context: &TraceContext,
    ) -> Cow<'a, str> {
        let first = self.members(context);
        if first.is_empty() && !object.has(&KEYS) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(object.rewrite(&first, &KEYS))
    }

    /// The context as members of an object, without braces: empty if there is nothing to carry.
    fn members(&self, context: &TraceContext) -> String {
        let mut fields = WrittenFields::default();
        self.propagator.inject(context, &mut fields);
        // What is cut off at the limit should be the application's, not the trace's: a reader would
        // refuse the whole.
        for dropped in [None, Some(Field::Baggage), Some(Field::TraceState)] {
            if let Some(field) = dropped {
                fields.remove(field);
            }
            if let Some(members) = self.placed(&fields) {
                return members;
            }
        }
        String::new()
    }

    /// The fields in their placements; `None` if one of them would be too long to be read.
    fn placed(&self, fields: &WrittenFields) -> Option<String> {
        let mut members = String::new();
        for placement in &self.write {
            let inner = placement.fields().iter().filter_map(|(name, field)| {
                // What is written is visible ASCII, so quoting it cannot fail.
                let value = serde_json::to_string(fields.get(*field)?).ok()?;
                Some(format!("\"{name}\":{value}"))
            });
            let inner = inner.collect::<Vec<_>>().join(",");
            if inner.is_empty() {
                continue;
            }
            if inner.len() + "{}".len() > self.max_context_bytes {
                return None;
            }
            let comma = if members.is_empty() { "" } else { "," };
            members.push_str(&format!("{comma}\"{}\":{{{inner}}}", placement.key()));
        }
        Some(members)
    }
}

/// Removes every known placement from a text, which takes no settings.
pub(super) fn strip(text: &str) -> Cow<'_, str> {
    match Object::parse(text) {
        Some(object) if object.has(&KEYS) => Cow::Owned(object.rewrite("", &KEYS)),
        _ => Cow::Borrowed(text),
    }
}

const KEYS: [&str; 2] = [Placement::Trace.key(), Placement::Sentry.key()];

/// The fields found in a text. A field that stands in two placements counts once, in their order.
#[derive(Debug, Default)]
struct ReadFields {
    values: Vec<(Field, String)>,
    refused: Vec<ParseError>,
}

impl ReadFields {
    fn read(&mut self, placement: Placement, value: &str, max_bytes: usize) {
        let first = placement.fields().first().map_or(Field::TraceParent, |(_, field)| *field);
        if value.len() > max_bytes {
            self.refused.push(ParseError::new(first, Rule::Tr4));
            return;
        }
        let Some(object) = Object::parse(value) else {
            self.refused.push(ParseError::new(first, Rule::Ms4));
            return;
        };
        for (name, field) in placement.fields() {
            let Some(value) = object.get(name) else { continue };
            match serde_json::from_str(value) {
                Ok(_) if self.values.iter().any(|(known, _)| known == field) => {}
                Ok(text) => self.values.push((*field, text)),
                Err(_) => self.refused.push(ParseError::new(*field, Rule::Ms4)),
            }
        }
    }
}

impl Extractor for ReadFields {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (field, value) in &self.values {
            received.offer_field(*field, value);
        }
    }
}

#[derive(Debug, Default)]
struct WrittenFields {
    values: Vec<(Field, String)>,
}

impl WrittenFields {
    fn get(&self, field: Field) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == field).map(|(_, value)| value.as_str())
    }
}

impl Injector for WrittenFields {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.remove(field);
        self.values.push((field, value.as_str().to_owned()));
    }

    fn remove(&mut self, field: Field) {
        self.values.retain(|(known, _)| *known != field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceParent;
    use serde::Deserialize;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Event {
        kind: String,
    }

    fn context() -> TraceContext {
        TraceContext::from(PARENT.parse::<TraceParent>().unwrap())
    }

    fn event() -> Event {
        Event { kind: "started".into() }
    }

    #[test]
    fn the_context_comes_first_and_is_read_back() {
        let text = Envelope::json().encode_with(&event(), &context()).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"_trace":{{"traceparent":"{PARENT}","sentry-trace":"{SENTRY}"}},"_sentry":{{"trace":"{SENTRY}"}},"kind":"started"}}"#
            )
        );
        let (back, found) = Envelope::json().decode::<Event>(&text).unwrap();
        assert_eq!(back, event());
        assert_eq!(found.context.parent(), context().parent());
        assert!(found.refused.is_empty());
    }

    #[test]
    fn ms_8_sentry_without_baggage_continues() {
        let text = format!(r#"{{"kind":"x","_sentry":{{"trace":"{SENTRY}"}}}}"#);
        let found = Envelope::json().extract(&text);
        assert_eq!(found.context.sampled(), Some(true));
    }

    #[test]
    fn ms_1_a_context_that_is_there_stays_unless_it_is_to_be_replaced() {
        let text = format!(r#"{{"kind":"x","_sentry":{{"trace":"{}"}}}}"#, "theirs");
        let envelope = Envelope::json();
        assert_eq!(envelope.inject(&text, &context()), text);
        let replaced = envelope.replace(&text, &context());
        assert!(replaced.ends_with(r#"},"kind":"x"}"#), "{replaced}");
        assert_eq!(envelope.extract(&replaced).context.parent(), context().parent());
        assert_eq!(envelope.strip(&replaced), r#"{"kind":"x"}"#);
    }

    #[test]
    fn ms_3_without_context_the_bytes_stay_as_they_are() {
        let text = Envelope::json().encode_with(&event(), &TraceContext::new()).unwrap();
        assert_eq!(text, r#"{"kind":"started"}"#);
        for text in ["[1]", "nonsense", "", r#"{"a":1}"#] {
            assert!(matches!(Envelope::json().strip(text), Cow::Borrowed(_)));
            assert!(matches!(
                Envelope::json().inject(text, &TraceContext::new()),
                Cow::Borrowed(_)
            ));
        }
        for text in ["[1]", "nonsense", ""] {
            assert_eq!(Envelope::json().inject(text, &context()), text);
        }
    }

    #[test]
    fn ms_4_a_bad_context_is_dropped_and_the_message_never() {
        for (bad, rule) in [
            ("null", "MS-4"),
            ("7", "MS-4"),
            (r#"["a"]"#, "MS-4"),
            (r#"{"traceparent":7}"#, "MS-4"),
            (r#"{"traceparent":null}"#, "MS-4"),
            (r#"{"traceparent":"\ud800"}"#, "MS-4"),
            (r#"{"traceparent":"nonsense"}"#, "TP-3"),
        ] {
            let text = format!(r#"{{"_trace":{bad},"kind":"x"}}"#);
            let (event, found) = Envelope::json().decode::<Event>(&text).unwrap();
            assert_eq!(event.kind, "x");
            assert!(found.context.is_empty(), "{bad}");
            assert_eq!(found.refused[0].rule().id(), rule, "{bad}");
        }
    }

    #[test]
    fn tr_4_a_context_over_the_limit_is_not_looked_at_and_not_written() {
        let envelope = Envelope::json().max_context_bytes(400);
        let long =
            format!(r#"{{"_trace":{{"traceparent":"{PARENT}","x":"{}"}}}}"#, "x".repeat(400));
        let found = envelope.extract(&long);
        assert!(found.context.is_empty());
        assert_eq!(found.refused[0].rule().id(), "TR-4");

        let mut context = context();
        context.baggage_mut().push("user", &"x".repeat(300)).unwrap();
        let envelope = envelope.propagation(Propagator::default().forward_baggage(true));
        let text = envelope.encode_with(&event(), &context).unwrap();
        assert!(!text.contains("baggage"));
        assert_eq!(envelope.extract(&text).context.parent(), context.parent());

        let long = format!("vendor={}", "x".repeat(200));
        *context.trace_state_mut() = format!("{long},other{long}").parse().unwrap();
        let text = envelope.encode_with(&event(), &context).unwrap();
        assert!(!text.contains("tracestate"));
        assert_eq!(envelope.extract(&text).context.parent(), context.parent());
        let text = envelope.max_context_bytes(50).encode_with(&event(), &context).unwrap();
        assert_eq!(text, r#"{"kind":"started"}"#);
    }

    #[test]
    fn the_longest_baggage_survives_in_both_placements() {
        let mut context = context();
        context.baggage_mut().push("user", &"x".repeat(8192 - 5)).unwrap();
        let propagator = Propagator::default().forward_baggage(true);
        let envelope = Envelope::json().propagation(propagator);
        let text = envelope.encode_with(&event(), &context).unwrap();
        assert_eq!(envelope.extract(&text).context.baggage(), context.baggage());
    }

    #[test]
    fn tr_4_the_refusals_of_message_and_fields_together_are_bounded() {
        let bad = "bad,".repeat(20);
        let text = format!(r#"{{"_trace":{{"traceparent":7,"baggage":"{bad}"}},"_sentry":7}}"#);
        assert_eq!(Envelope::json().extract(&text).refused.len(), limits::REFUSALS);
    }

    #[test]
    fn a_field_that_stands_in_two_placements_counts_once() {
        let dsc = "sentry-sample_rand=0.5";
        let text = format!(
            r#"{{"_trace":{{"sentry-trace":"{SENTRY}","baggage":"{dsc}"}},"_sentry":{{"trace":"{SENTRY}","baggage":"{dsc}"}}}}"#
        );
        assert_eq!(Envelope::json().extract(&text).context.baggage().as_str(), dsc);
    }
}
