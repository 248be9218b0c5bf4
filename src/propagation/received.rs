use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::Field;
use crate::context::trim_ows;
use crate::limits;

/// Collects the fields of a carrier while an [`Extractor`](super::Extractor) offers them.
///
/// Values are borrowed; only a list that comes in several pieces is copied, up to a limit.
#[derive(Debug)]
pub struct Received<'a> {
    wanted: FieldSet,
    found: u16,
    usual: [Slot<'a>; USUAL],
    /// What stands in other fields, which most services do not read.
    others: Vec<(Field, Slot<'a>)>,
    /// What did not fit into a slot: fields with several values, which are rare.
    several: Vec<Several>,
}

impl<'a> Received<'a> {
    pub(super) fn new(wanted: FieldSet) -> Self {
        let usual = [Slot::Absent; USUAL];
        Self { wanted, found: 0, usual, others: Vec::new(), several: Vec::new() }
    }

    /// Takes the value if `name` is a field that somebody wants. Names are compared without case.
    /// Offer several values of one name in their order.
    pub fn offer(&mut self, name: impl AsRef<[u8]>, value: impl Into<RawValue<'a>>) {
        if let Some(field) = Field::from_name(name.as_ref()) {
            self.offer_field(field, value);
        }
    }

    /// Takes a header if it is a field that somebody wants: as [`Received::offer`], for names that
    /// are in lower case by their type.
    #[inline]
    pub(super) fn offer_header(&mut self, name: &HeaderName, value: &'a HeaderValue) {
        let name = name.as_str().as_bytes();
        // Most headers are none of ours, which length and first letter tell.
        if self.wanted.may_have(name)
            && let Some(field) = Field::from_lower_case(name)
        {
            self.offer_field(field, value);
        }
    }

    /// Takes the value of a field, for carriers that use names of their own.
    #[inline]
    pub fn offer_field(&mut self, field: Field, value: impl Into<RawValue<'a>>) {
        if !self.wanted.contains(field) {
            return;
        }
        match self.usual.get_mut(field.index()) {
            Some(slot @ Slot::Absent) => {
                *slot = Slot::One(value.into());
                self.found |= 1 << field.index();
            }
            _ => self.offer_rare(field, value.into()),
        }
    }

    #[cold]
    fn offer_rare(&mut self, field: Field, value: RawValue<'a>) {
        if self.found & (1 << field.index()) == 0 {
            self.found |= 1 << field.index();
            return self.others.push((field, Slot::One(value)));
        }
        let other = self.others.iter_mut().find(|(other, _)| *other == field).map(|(_, slot)| slot);
        let Some(slot) = other.or(self.usual.get_mut(field.index())) else { return };
        let at = match *slot {
            Slot::Absent => return,
            Slot::One(first) => {
                self.several.push(Several::new(first.as_bytes()));
                self.several.len() - 1
            }
            Slot::Several(at) => at,
        };
        *slot = Slot::Several(at);
        self.several[at].add(value.as_bytes());
    }

    /// The fields that somebody wants, for carriers that look up rather than walk.
    pub fn wanted(&self) -> impl Iterator<Item = Field> + use<> {
        self.wanted.iter()
    }

    /// Whether nothing was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.found == 0
    }

    /// Whether that field was taken, and no other.
    pub(super) fn is_only(&self, field: Field) -> bool {
        self.found == 1 << field.index()
    }

    pub(super) fn single(&self, field: Field) -> Single<'_> {
        match self.slot(field) {
            Slot::Absent => Single::Absent,
            Slot::One(value) => Single::One(value.as_bytes()),
            Slot::Several(at) => match &self.several[at] {
                several if several.differ => Single::Different,
                several => Single::Equal(several.first()),
            },
        }
    }

    pub(super) fn list(&self, field: Field) -> Option<List<'_>> {
        match self.slot(field) {
            Slot::Absent => None,
            Slot::One(value) => Some(List::One(value)),
            Slot::Several(at) => Some(List::Joined(&self.several[at].joined)),
        }
    }

    #[inline]
    fn slot(&self, field: Field) -> Slot<'a> {
        match self.usual.get(field.index()) {
            Some(slot) => *slot,
            None => {
                let other = self.others.iter().find(|(other, _)| *other == field);
                other.map_or(Slot::Absent, |(_, slot)| *slot)
            }
        }
    }
}

/// How many fields at the front of [`Field::ALL`] nearly every service reads.
const USUAL: usize = 4;

/// Which fields somebody wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    fields: u16,
    /// The lengths of their names: bit 7 for `baggage`.
    lengths: u32,
    /// The first letters of their names: bit 2 for `b`.
    letters: u32,
}

impl FieldSet {
    pub(super) const fn of(fields: &[Field]) -> Self {
        let mut set = Self { fields: 0, lengths: 0, letters: 0 };
        let mut at = 0;
        while at < fields.len() {
            let name = fields[at].as_str().as_bytes();
            set.fields |= 1 << fields[at].index();
            set.lengths |= 1 << name.len();
            set.letters |= 1 << (name[0] % 32);
            at += 1;
        }
        set
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            fields: self.fields | other.fields,
            lengths: self.lengths | other.lengths,
            letters: self.letters | other.letters,
        }
    }

    const fn contains(self, field: Field) -> bool {
        self.fields & (1 << field.index()) != 0
    }

    /// Whether a field may have that name; a name of 32 bytes and more is taken for a shorter one.
    #[inline]
    fn may_have(self, name: &[u8]) -> bool {
        let Some(letter) = name.first() else { return false };
        self.lengths >> (name.len() % 32) & 1 != 0 && self.letters >> (letter % 32) & 1 != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Field> {
        let mut left = self.fields;
        std::iter::from_fn(move || {
            let field = Field::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*field)
        })
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

impl<'a> List<'a> {
    pub(super) fn as_bytes(&self) -> &'a [u8] {
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

#[derive(Clone, Copy, Debug)]
enum Slot<'a> {
    Absent,
    One(RawValue<'a>),
    /// Where it stands in the list of those with several values.
    Several(usize),
}

/// A field that came more than once.
#[derive(Debug)]
struct Several {
    /// The lines, joined by commas (rules TS-2 and BG-2), up to one byte more than is looked at, so
    /// that the parser sees that there is too much.
    joined: Vec<u8>,
    first_len: usize,
    differ: bool,
}

impl Several {
    fn new(first: &[u8]) -> Self {
        let mut several = Self { joined: Vec::new(), first_len: 0, differ: false };
        several.append(first);
        several.first_len = several.joined.len();
        several
    }

    fn add(&mut self, value: &[u8]) {
        self.differ |= self.first() != value;
        // An empty line has no member to add to a list.
        if !trim_ows(value).is_empty() {
            if !trim_ows(&self.joined).is_empty() {
                self.append(b",");
            }
            self.append(value);
        }
    }

    fn first(&self) -> &[u8] {
        self.joined.get(..self.first_len).unwrap_or_default()
    }

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
        let mut received = Received::new(FieldSet::of(&Field::ALL));
        for _ in 0..1000 {
            received.offer("baggage", &line);
        }
        let list = received.list(Field::Baggage).unwrap();
        assert_eq!(list.as_bytes().len(), limits::BAGGAGE_SCAN_BYTES + 1);
    }

    #[test]
    fn a_field_that_nobody_wants_is_not_taken() {
        let mut received = Received::new(FieldSet::of(&[Field::Baggage]));
        received.offer("traceparent", "x");
        assert_eq!(received.single(Field::TraceParent), Single::Absent);
        assert!(received.wanted().eq([Field::Baggage]));
    }

    #[test]
    fn several_values_are_told_apart_from_equal_ones() {
        let mut received = Received::new(FieldSet::of(&Field::ALL));
        received.offer("Sentry-Trace", "a");
        assert_eq!(received.single(Field::SentryTrace), Single::One(b"a"));
        received.offer("sentry-trace", "a");
        assert_eq!(received.single(Field::SentryTrace), Single::Equal(b"a"));
        received.offer("sentry-trace", "b");
        assert_eq!(received.single(Field::SentryTrace), Single::Different);
    }
}
