use bytes::Bytes;
use http::HeaderValue;

use super::Field;
use crate::limits;

/// Collects the fields of a carrier while an [`Extractor`](super::Extractor) offers them.
///
/// Values are borrowed; only a list that comes in several pieces is copied, up to a limit.
#[derive(Debug)]
pub struct Received<'a> {
    wanted: [bool; 4],
    slots: [Slot<'a>; 4],
}

impl<'a> Received<'a> {
    pub(super) fn new(wanted: impl IntoIterator<Item = Field>) -> Self {
        let mut received = Self { wanted: [false; 4], slots: Default::default() };
        for field in wanted {
            received.wanted[field.index()] = true;
        }
        received
    }

    /// Takes the value if `name` is a field that somebody wants. Names are compared without case.
    /// Offer several values of one name in their order.
    pub fn offer(&mut self, name: impl AsRef<[u8]>, value: impl Into<RawValue<'a>>) {
        if let Some(field) = Field::from_name(name.as_ref()) {
            self.offer_field(field, value);
        }
    }

    /// Takes the value of a field, for carriers that use names of their own.
    pub fn offer_field(&mut self, field: Field, value: impl Into<RawValue<'a>>) {
        if self.wanted[field.index()] {
            self.slots[field.index()].add(value.into());
        }
    }

    /// The fields that somebody wants, for carriers that look up rather than walk.
    pub fn wanted(&self) -> impl Iterator<Item = Field> + use<> {
        let wanted = self.wanted;
        Field::ALL.into_iter().filter(move |field| wanted[field.index()])
    }

    pub(super) fn single(&self, field: Field) -> Single<'_> {
        let slot = &self.slots[field.index()];
        match &slot.first {
            None => Single::Absent,
            Some(value) if !slot.several => Single::One(value.as_bytes()),
            Some(value) if !slot.differs => Single::Equal(value.as_bytes()),
            Some(_) => Single::Different,
        }
    }

    pub(super) fn list(&self, field: Field) -> Option<List<'_>> {
        let slot = &self.slots[field.index()];
        let first = slot.first.as_ref()?;
        Some(if slot.several { List::Joined(&slot.joined) } else { List::One(*first) })
    }
}

/// What stands in a field that can only be there once.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Single<'a> {
    Absent,
    One(&'a [u8]),
    Equal(&'a [u8]),
    Different,
}

/// What stands in a field that is a list, its lines joined (rules TS-2 and BG-2).
#[derive(Clone, Copy, Debug)]
pub(super) enum List<'a> {
    One(RawValue<'a>),
    Joined(&'a [u8]),
}

impl List<'_> {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::One(value) => value.as_bytes(),
            Self::Joined(bytes) => bytes,
        }
    }

    /// The list as a header value: shared if it came in one, else copied. `None` for bytes that no
    /// header can hold; checked lists have none.
    pub(super) fn to_header_value(self) -> Option<HeaderValue> {
        match self {
            Self::One(value) => value.to_header_value(),
            Self::Joined(bytes) => HeaderValue::from_bytes(bytes).ok(),
        }
    }
}

/// A borrowed value of a field: a header value, or text or bytes of any origin.
#[derive(Clone, Copy, Debug)]
pub struct RawValue<'a>(Repr<'a>);

#[derive(Clone, Copy, Debug)]
enum Repr<'a> {
    Header(&'a HeaderValue),
    Shared(&'a Bytes),
    Slice(&'a [u8]),
}

impl<'a> RawValue<'a> {
    fn as_bytes(&self) -> &'a [u8] {
        match self.0 {
            Repr::Header(value) => value.as_bytes(),
            Repr::Shared(bytes) => bytes,
            Repr::Slice(bytes) => bytes,
        }
    }

    fn to_header_value(self) -> Option<HeaderValue> {
        match self.0 {
            Repr::Header(value) => Some(value.clone()),
            Repr::Shared(bytes) => HeaderValue::from_maybe_shared(bytes.clone()).ok(),
            Repr::Slice(bytes) => HeaderValue::from_bytes(bytes).ok(),
        }
    }
}

impl<'a> From<&'a HeaderValue> for RawValue<'a> {
    fn from(value: &'a HeaderValue) -> Self {
        Self(Repr::Header(value))
    }
}

impl<'a> From<&'a Bytes> for RawValue<'a> {
    fn from(value: &'a Bytes) -> Self {
        Self(Repr::Shared(value))
    }
}

impl<'a> From<&'a [u8]> for RawValue<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self(Repr::Slice(value))
    }
}

impl<'a> From<&'a str> for RawValue<'a> {
    fn from(value: &'a str) -> Self {
        Self(Repr::Slice(value.as_bytes()))
    }
}

impl<'a> From<&'a String> for RawValue<'a> {
    fn from(value: &'a String) -> Self {
        Self(Repr::Slice(value.as_bytes()))
    }
}

#[derive(Debug, Default)]
struct Slot<'a> {
    first: Option<RawValue<'a>>,
    several: bool,
    differs: bool,
    joined: Vec<u8>,
}

impl<'a> Slot<'a> {
    fn add(&mut self, value: RawValue<'a>) {
        let Some(first) = self.first else {
            self.first = Some(value);
            return;
        };
        self.differs |= first.as_bytes() != value.as_bytes();
        if !self.several {
            self.several = true;
            self.append(first.as_bytes());
        }
        self.append(b",");
        self.append(value.as_bytes());
    }

    /// Copies up to one byte more than is looked at, so that the parser sees that there is too much.
    fn append(&mut self, bytes: &[u8]) {
        let room = (limits::BAGGAGE_SCAN_BYTES + 1).saturating_sub(self.joined.len());
        self.joined.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_long_lines_take_bounded_memory() {
        let line = "x".repeat(10_000);
        let mut received = Received::new(Field::ALL);
        for _ in 0..1000 {
            received.offer("baggage", &line);
        }
        let list = received.list(Field::Baggage).unwrap();
        assert_eq!(list.as_bytes().len(), limits::BAGGAGE_SCAN_BYTES + 1);
    }

    #[test]
    fn a_field_that_nobody_wants_is_not_taken() {
        let mut received = Received::new([Field::Baggage]);
        received.offer("traceparent", "x");
        assert_eq!(received.single(Field::TraceParent), Single::Absent);
        assert!(received.wanted().eq([Field::Baggage]));
    }

    #[test]
    fn several_values_are_told_apart_from_equal_ones() {
        let mut received = Received::new(Field::ALL);
        received.offer("Sentry-Trace", "a");
        assert_eq!(received.single(Field::SentryTrace), Single::One(b"a"));
        received.offer("sentry-trace", "a");
        assert_eq!(received.single(Field::SentryTrace), Single::Equal(b"a"));
        received.offer("sentry-trace", "b");
        assert_eq!(received.single(Field::SentryTrace), Single::Different);
    }
}
