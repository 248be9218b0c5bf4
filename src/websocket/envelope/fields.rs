use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr2, memchr3};

use crate::propagation::{Extractor, Field, FieldValue, Injector, ParseError, Received, Rule};
use crate::websocket::written::Written;

/// The fields found in a text. A field that stands in two placements counts once, in their order.
#[derive(Debug, Default)]
pub(super) struct ReadFields<'a> {
    values: [Option<Cow<'a, str>>; CARRIED.len()],
    pub(super) refused: Vec<ParseError>,
}

impl<'a> ReadFields<'a> {
    /// Takes the JSON value of a field.
    pub(super) fn read(&mut self, field: Field, value: &'a str, max_bytes: usize) {
        let Some(slot) = slot(field).and_then(|slot| self.values.get_mut(slot)) else { return };
        if value.len() > max_bytes {
            return self.refuse(field, Rule::Tr4);
        }
        match text(value) {
            Some(_) if slot.is_some() => {}
            Some(text) => *slot = Some(text),
            None => self.refuse(field, Rule::Ms4),
        }
    }

    /// Takes texts in which JSON escapes nothing.
    pub(super) fn take(&mut self, texts: FieldTexts<'a>) {
        for (slot, text) in self.values.iter_mut().zip(texts) {
            *slot = slot.take().or(text.map(Cow::Borrowed));
        }
    }

    pub(super) fn refuse(&mut self, field: Field, rule: Rule) {
        self.refused.push(ParseError::new(field, rule));
    }
}

impl<'a> From<Written<'a>> for ReadFields<'a> {
    fn from(Written { trace, sentry, .. }: Written<'a>) -> Self {
        let [traceparent, tracestate, sentry_trace, baggage] = trace;
        let values = [traceparent, tracestate, sentry_trace.or(sentry[0]), baggage.or(sentry[1])];
        Self { values: values.map(|value| value.map(Cow::Borrowed)), refused: Vec::new() }
    }
}

impl Extractor for ReadFields<'_> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (field, value) in CARRIED.into_iter().zip(&self.values) {
            if let Some(value) = value {
                received.offer_field(field, value.as_ref());
            }
        }
    }
}

/// What a JSON text says; `None` if the value is anything else.
fn text(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    match memchr2(b'\\', b'"', inner.as_bytes()) {
        None => Some(Cow::Borrowed(inner)),
        Some(_) => serde_json::from_str(value).ok().map(Cow::Owned),
    }
}

/// The fields to be written, as the inside of JSON texts.
#[derive(Debug)]
pub(super) struct WrittenFields {
    /// What names a parent. It has a place of its own, since most contexts are nothing else, and so
    /// need no allocation.
    parents: [u8; PARENT_BYTES],
    lists: String,
    values: [Option<Range<usize>>; CARRIED.len()],
}

/// The texts of [`CARRIED`].
pub(super) type FieldTexts<'a> = [Option<&'a str>; CARRIED.len()];

impl WrittenFields {
    /// The texts, which are checked here once.
    pub(super) fn texts(&self) -> FieldTexts<'_> {
        let parents = str::from_utf8(&self.parents).unwrap_or_default();
        let [traceparent, tracestate, sentry_trace, baggage] = &self.values;
        [
            part(parents, traceparent),
            part(&self.lists, tracestate),
            part(parents, sentry_trace),
            part(&self.lists, baggage),
        ]
    }

    /// A length that no context exceeds, whatever the placement.
    pub(super) fn most_bytes(&self) -> usize {
        // One object may have `trace` and `sentry-trace`.
        2 * self.values.iter().flatten().map(Range::len).sum::<usize>() + NAME_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }
}

impl Default for WrittenFields {
    fn default() -> Self {
        Self { parents: [b' '; PARENT_BYTES], lists: String::new(), values: <_>::default() }
    }
}

impl Injector for WrittenFields {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        let Some(slot) = slot(field) else { return };
        self.values[slot] = match field {
            Field::TraceParent => put(&mut self.parents, 0, value.as_bytes()),
            Field::SentryTrace => put(&mut self.parents, SENTRY_TRACE, value.as_bytes()),
            _ => {
                let start = self.lists.len();
                push_escaped(value.as_str(), &mut self.lists);
                Some(start..self.lists.len())
            }
        };
    }

    fn remove(&mut self, field: Field) {
        if let Some(slot) = slot(field) {
            self.values[slot] = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

fn part<'a>(texts: &'a str, range: &Option<Range<usize>>) -> Option<&'a str> {
    texts.get(range.clone()?)
}

/// Ids and dashes, of which JSON escapes none.
fn put(parents: &mut [u8], at: usize, value: &[u8]) -> Option<Range<usize>> {
    let range = at..at + value.len();
    parents.get_mut(range.clone())?.copy_from_slice(value);
    Some(range)
}

/// Visible ASCII, spaces and tabs, of which JSON escapes three.
fn push_escaped(mut text: &str, out: &mut String) {
    while let Some(at) = memchr3(b'"', b'\\', b'\t', text.as_bytes()) {
        let (before, rest) = text.split_at(at);
        out.push_str(before);
        out.push_str(match rest.as_bytes().first() {
            Some(b'"') => "\\\"",
            Some(b'\\') => "\\\\",
            _ => "\\t",
        });
        text = rest.get(1..).unwrap_or_default();
    }
    out.push_str(text);
}

/// More than the names of all fields take, with all signs around them.
const NAME_BYTES: usize = 128;

/// Room for a `traceparent`, and behind it for a `sentry-trace`.
const PARENT_BYTES: usize = 112;
const SENTRY_TRACE: usize = 56;

/// The fields that have a place in a message.
const CARRIED: [Field; 4] =
    [Field::TraceParent, Field::TraceState, Field::SentryTrace, Field::Baggage];

/// The place of a field in [`CARRIED`].
pub(super) fn slot(field: Field) -> Option<usize> {
    match field {
        Field::TraceParent => Some(0),
        Field::TraceState => Some(1),
        Field::SentryTrace => Some(2),
        Field::Baggage => Some(3),
        _ => None,
    }
}
