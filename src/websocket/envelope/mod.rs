use std::borrow::Cow;
use std::cell::OnceCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::scan::{First, Object};
use super::written::Written;
use crate::context::TraceContext;
use crate::limits;
use crate::propagation::{Extraction, Field, Injector, Propagator};

mod behind_context;
mod fields;
mod level;
mod placement;
mod typed;

pub use placement::Placement;

use fields::{FieldTexts, ReadFields, WrittenFields};
use level::Level;

/// Carries a [`TraceContext`] inside JSON texts.
///
/// Writes the context first, so that a reader finds it without walking the payload. Reads it from any
/// known placement, wherever in the object it stands. A text that starts with `{` and ends with `}` is
/// taken for an object; what is none, or is cut off, is left alone.
///
/// Of several contexts in one placement the last counts, as for every reader of JSON, and all of them
/// go when one is replaced or removed. Behind a context that comes first, only the last
/// [`limits::LATE_DUPLICATE_BYTES`] are searched for another one.
#[derive(Clone, Debug)]
pub struct Envelope {
    propagator: Propagator,
    write: Level,
    read: Level,
    placements: Placements,
    max_context_bytes: usize,
}

/// What the levels are made of.
#[derive(Clone, Debug)]
struct Placements {
    write: Vec<Placement>,
    /// Beside [`ALWAYS_READ`] and those that are written.
    read: Vec<Placement>,
}

impl Envelope {
    /// An envelope for JSON objects that writes `_trace` and `_sentry`, and reads `_meta` too.
    #[must_use]
    pub fn json() -> Self {
        let write = vec![Placement::Trace, Placement::Sentry];
        Self {
            propagator: Propagator::default(),
            write: Level::of(&write),
            read: Level::of(&ALWAYS_READ),
            placements: Placements { write, read: Vec::new() },
            max_context_bytes: limits::ENVELOPE_CONTEXT_BYTES,
        }
    }

    /// Which formats are read and written inside the placements.
    #[must_use]
    pub fn propagation(self, propagator: Propagator) -> Self {
        Self { propagator, ..self }
    }

    /// Writes the context to these placements, in this order, and reads it there too.
    #[must_use]
    pub fn write(mut self, placements: impl IntoIterator<Item = Placement>) -> Self {
        self.placements.write = placements.into_iter().collect();
        self.with_levels()
    }

    /// Reads the context from these placements too, behind `_trace`, `_sentry`, `_meta` and those that
    /// are written: where a field stands in two of them, the first counts. They are searched for in every
    /// message that does not start with a context.
    #[must_use]
    pub fn read(mut self, placements: impl IntoIterator<Item = Placement>) -> Self {
        self.placements.read.extend(placements);
        self.with_levels()
    }

    fn with_levels(mut self) -> Self {
        let Placements { write, read } = &self.placements;
        self.write = Level::of(write);
        self.read = Level::of(ALWAYS_READ.iter().chain(write).chain(read));
        self
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
        let (text, is_free) = typed::to_string(value, &|name| self.read.knows(name))?;
        if is_free && self.write.is_flat() {
            return Ok(with_first(text, &self.write.members(&self.fields(context).texts())));
        }
        Ok(match self.inject(&text, context) {
            Cow::Owned(sent) => sent,
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
        let written = self.written(text);
        let value = self.value_in(text, written.as_ref())?;
        Ok((value, self.extraction(text, written)))
    }

    /// Deserializes a value without the context beside it.
    pub(super) fn value<T: DeserializeOwned>(&self, text: &str) -> Result<T, serde_json::Error> {
        self.value_in(text, self.written(text).as_ref())
    }

    fn value_in<T: DeserializeOwned>(
        &self,
        text: &str,
        written: Option<&Written<'_>>,
    ) -> Result<T, serde_json::Error> {
        match written {
            Some(written) => behind_context::from_str(text, written, &OnceCell::new()),
            None => serde_json::from_str(&self.read.removed(text)),
        }
    }

    /// Reads the context of a text. A text without one, or that is no JSON object, gives an empty
    /// extraction.
    #[must_use]
    pub fn extract(&self, text: &str) -> Extraction {
        self.extraction(text, self.written(text))
    }

    fn extraction(&self, text: &str, written: Option<Written<'_>>) -> Extraction {
        let mut fields = written.map_or_else(|| self.searched(text), ReadFields::from);
        let mut extraction = self.propagator.extract(&fields);
        extraction.refused.append(&mut fields.refused);
        extraction.refused.truncate(limits::REFUSALS);
        extraction
    }

    /// What is found in a text that may have a context anywhere.
    fn searched<'a>(&self, text: &'a str) -> ReadFields<'a> {
        let mut fields = ReadFields::default();
        self.read.read(text, self.max_context_bytes, &mut fields);
        fields
    }

    /// Adds a context to a text. A text that brings one already keeps it (rule MS-1), for which all of
    /// the text is searched; see [`Envelope::prepend`].
    #[must_use]
    pub fn inject<'a>(&self, text: &'a str, context: &TraceContext) -> Cow<'a, str> {
        self.injected(text, &self.fields(context).texts())
    }

    fn injected<'a>(&self, text: &'a str, texts: &FieldTexts<'_>) -> Cow<'a, str> {
        if texts.iter().all(Option::is_none) {
            return Cow::Borrowed(text);
        }
        let Some(object) = Object::open(text) else { return Cow::Borrowed(text) };
        if self.write.is_flat() && self.read.members_of(&object).is_empty() {
            return Cow::Owned(object.rewrite(&self.write.members(texts), &[]));
        }
        match self.read.stands_in(text) {
            true => Cow::Borrowed(text),
            false => self.write.added(text, texts),
        }
    }

    /// Adds a context to a text that is known to have none, in the time that it takes to copy the
    /// text. If it has one all the same, readers of JSON disagree about which of the two counts.
    #[must_use]
    pub fn prepend<'a>(&self, text: &'a str, context: &TraceContext) -> Cow<'a, str> {
        let fields = self.fields(context);
        let texts = fields.texts();
        match Object::open(text) {
            Some(object) if !fields.is_empty() && self.write.is_flat() => {
                Cow::Owned(object.rewrite(&self.write.members(&texts), &[]))
            }
            _ => self.injected(text, &texts),
        }
    }

    /// Replaces the context of a text, in whatever placement it stands: what a relay does, so that
    /// its own span becomes the next hop's parent (rule MS-7). An empty context removes it.
    #[must_use]
    pub fn replace<'a>(&self, text: &'a str, context: &TraceContext) -> Cow<'a, str> {
        let fields = self.fields(context);
        let texts = fields.texts();
        let first = self.write.members(&texts);
        let written = self.written(text).filter(|_| self.write.is_flat());
        if let Some(sent) = written.and_then(|old| old.replaced(&first)) {
            return Cow::Owned(sent);
        }
        let Some(object) = Object::open(text) else { return Cow::Borrowed(text) };
        let old = self.read.members_of(&object);
        if self.write.is_flat() && self.read.are_flat(&old) {
            return match first.is_empty() && old.is_empty() {
                true => Cow::Borrowed(text),
                false => Cow::Owned(object.rewrite(&first, &old)),
            };
        }
        match self.strip(text) {
            Cow::Borrowed(text) => self.write.added(text, &texts),
            // What a context at the start has hidden is found as soon as that is gone, and would keep
            // its place.
            Cow::Owned(text) => {
                Cow::Owned(self.write.added(&self.strip(&text), &texts).into_owned())
            }
        }
    }

    /// Removes the context of a text.
    #[must_use]
    pub fn strip<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.written(text).and_then(|written| written.replaced("")) {
            Some(bare) => Cow::Owned(bare),
            None => self.read.removed(text),
        }
    }

    pub(super) fn propagator(&self) -> &Propagator {
        &self.propagator
    }

    /// The context at the start or the end of a text, if it is written as this envelope may have
    /// written it.
    pub(super) fn written<'a>(&self, text: &'a str) -> Option<Written<'a>> {
        self.written_first(text)
            .or_else(|| Written::last(text, self.read.keys(), self.max_context_bytes))
    }

    /// That at the start.
    pub(super) fn written_first<'a>(&self, text: &'a str) -> Option<Written<'a>> {
        Written::first(text, self.read.keys(), self.max_context_bytes)
    }

    /// What is written of a context, none of it too long to be read.
    fn fields(&self, context: &TraceContext) -> WrittenFields {
        let mut fields = WrittenFields::default();
        self.propagator.inject(context, &mut fields);
        // What is cut off at the limit should be the application's, not the trace's: a reader would
        // refuse the whole.
        for field in [Field::Baggage, Field::TraceState] {
            if self.fit(&fields) {
                return fields;
            }
            fields.remove(field);
        }
        match self.fit(&fields) {
            true => fields,
            false => WrittenFields::default(),
        }
    }

    fn fit(&self, fields: &WrittenFields) -> bool {
        fields.most_bytes() <= self.max_context_bytes
            || self.write.fit(&fields.texts(), self.max_context_bytes)
    }
}

/// Whatever else is read or written, in this order.
const ALWAYS_READ: [Placement; 3] = [Placement::Trace, Placement::Sentry, Placement::Meta];

/// The text of a struct with these members first. In place, since a second text of that size costs more
/// than to move the first.
fn with_first(mut text: String, members: &impl First) -> String {
    if !members.is_empty() && text.starts_with('{') {
        let mut first = String::with_capacity(members.bytes() + ",".len());
        members.push_to(&mut first);
        first.push_str(if text == "{}" { "" } else { "," });
        text.insert_str(1, &first);
    }
    text
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

    #[test]
    fn a_context_stands_among_what_is_somebody_elses() {
        let envelope = Envelope::json().write([Placement::path(["params", "_meta"])]);
        let call = r#"{"method":"x","params":{"_meta":{"progressToken":7},"a":[1]}}"#;
        let sent = envelope.inject(call, &context()).into_owned();
        assert_eq!(
            sent,
            format!(
                r#"{{"method":"x","params":{{"_meta":{{"traceparent":"{PARENT}","sentry-trace":"{SENTRY}","progressToken":7}},"a":[1]}}}}"#
            )
        );
        assert_eq!(envelope.extract(&sent).context.parent(), context().parent());
        assert_eq!(envelope.strip(&sent), call);
        assert_eq!(envelope.inject(&sent, &context()), sent);
        assert_eq!(envelope.replace(&sent, &context()), sent);

        let own = Envelope::json().write([Placement::path(Vec::<String>::new())]);
        let sent = own.inject(r#"{"a":1}"#, &context()).into_owned();
        assert_eq!(
            sent,
            format!(r#"{{"traceparent":"{PARENT}","sentry-trace":"{SENTRY}","a":1}}"#)
        );
        assert_eq!(own.strip(&sent), r#"{"a":1}"#);
    }

    #[test]
    fn ms_7_a_context_that_was_hidden_by_the_one_at_the_start_is_replaced_too() {
        let long = "x".repeat(2 * limits::LATE_DUPLICATE_BYTES);
        let other = PARENT.replace("b7ad", "c7ad");
        let text = format!(
            r#"{{"headers":{{"traceparent":"{PARENT}"}},"a":"{long}","headers":{{"traceparent":"{other}"}},"b":"{long}"}}"#
        );
        let own: TraceParent = PARENT.replace("b7ad", "d7ad").parse().unwrap();
        let envelope = Envelope::json().write([Placement::path(["headers"])]);
        let sent = envelope.replace(&text, &own.into()).into_owned();
        assert_eq!(envelope.extract(&sent).context.parent(), Some(&own));
        assert!(!sent.contains(&other));
    }

    #[test]
    fn a_place_without_a_context_at_the_start_hides_none() {
        let long = "x".repeat(2 * limits::LATE_DUPLICATE_BYTES);
        let own: TraceParent = PARENT.replace("b7ad", "d7ad").parse().unwrap();
        let envelope = Envelope::json().read([Placement::path(["params"])]);
        for first in [r#""_meta":{"x":1}"#, r#""params":7,"_meta":{}"#] {
            let text = format!(
                r#"{{{first},"a":"{long}","_trace":{{"traceparent":"{PARENT}"}},"b":"{long}"}}"#
            );
            assert_eq!(envelope.extract(&text).context.parent(), context().parent());
            assert_eq!(envelope.inject(&text, &own.into()), text);
            let sent = envelope.replace(&text, &own.into()).into_owned();
            assert_eq!(envelope.extract(&sent).context.parent(), Some(&own));
            assert!(!sent.contains(PARENT));
            assert!(!envelope.strip(&text).contains("_trace"));
        }
    }

    #[test]
    fn what_is_written_counts_before_what_is_only_read() {
        let other = PARENT.replace("b7ad", "c7ad");
        let text = format!(
            r#"{{"headers":{{"traceparent":"{other}"}},"params":{{"traceparent":"{PARENT}"}}}}"#
        );
        let envelope = Envelope::json()
            .read([Placement::path(["headers"])])
            .write([Placement::path(["params"])]);
        assert_eq!(envelope.extract(&text).context.parent(), context().parent());
    }

    #[test]
    fn an_event_inside_a_message_has_a_context_of_its_own() {
        let envelope = Envelope::json().write([Placement::nested(["event"])]);
        let message = r#"{"type":"event","event":{"n":1}}"#;
        let sent = envelope.inject(message, &context()).into_owned();
        assert_eq!(
            sent,
            format!(
                r#"{{"type":"event","event":{{"_trace":{{"traceparent":"{PARENT}","sentry-trace":"{SENTRY}"}},"_sentry":{{"trace":"{SENTRY}"}},"n":1}}}}"#
            )
        );
        assert_eq!(envelope.extract(&sent).context.parent(), context().parent());
        assert_eq!(envelope.strip(&sent), message);
        assert_eq!(Envelope::json().extract(&sent).context.parent(), None);
        let text = format!(r#"{{"event":{{"_sentry":{{"trace":"{SENTRY}"}}}}}}"#);
        assert_eq!(envelope.extract(&text).context.sampled(), Some(true));
    }

    #[test]
    fn names_that_json_escapes_are_names() {
        let envelope = Envelope::json().write([Placement::path(["a\"\u{e9}\n", ""])]);
        let sent = envelope.inject("{}", &context()).into_owned();
        assert!(sent.starts_with("{\"a\\\"\u{e9}\\n\":{\"\":{\"traceparent\":"), "{sent}");
        assert_eq!(envelope.extract(&sent).context.parent(), context().parent());
        assert_eq!(envelope.strip(&sent), "{\"a\\\"\u{e9}\\n\":{}}");
    }

    #[test]
    fn a_text_that_is_known_to_have_no_context_is_not_searched() {
        let envelope = Envelope::json();
        for text in [r#"{"a":1}"#, "{}", "[1]", ""] {
            assert_eq!(envelope.prepend(text, &context()), envelope.inject(text, &context()));
        }
        let doubled = envelope.prepend(r#"{"a":1,"_trace":0}"#, &context()).into_owned();
        assert!(doubled.starts_with("{\"_trace\":{") && doubled.ends_with(",\"_trace\":0}"));
        assert_eq!(envelope.prepend("{}", &TraceContext::new()), "{}");
    }
}
