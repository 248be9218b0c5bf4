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
#[derive(Debug, Default)]
pub(super) struct WrittenFields {
    escaped: String,
    values: [Option<Range<usize>>; CARRIED.len()],
}

impl WrittenFields {
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        self.escaped.get(self.values.get(slot(field)?)?.clone()?)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    /// Room for all of them in two placements with their names, which is what most write.
    pub(super) fn usual_bytes(&self) -> usize {
        2 * self.escaped.len() + USUAL_NAME_BYTES
    }
}

impl Injector for WrittenFields {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        let Some(slot) = slot(field).and_then(|slot| self.values.get_mut(slot)) else { return };
        let start = self.escaped.len();
        if start == 0 {
            self.escaped.reserve(USUAL_PARENT_BYTES);
        }
        push_escaped(value.as_str(), &mut self.escaped);
        *slot = Some(start..self.escaped.len());
    }

    fn remove(&mut self, field: Field) {
        if let Some(slot) = slot(field).and_then(|slot| self.values.get_mut(slot)) {
            *slot = None;
        }
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }
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

/// `traceparent` and `sentry-trace`.
const USUAL_PARENT_BYTES: usize = 128;

/// Names, quotation marks, colons, commas and braces of `_trace` and `_sentry`.
const USUAL_NAME_BYTES: usize = 128;

/// The fields that have a place in a message.
const CARRIED: [Field; 4] =
    [Field::TraceParent, Field::TraceState, Field::SentryTrace, Field::Baggage];

fn slot(field: Field) -> Option<usize> {
    CARRIED.iter().position(|carried| *carried == field)
}
