//! What `tracestate` and baggage have in common: comma-separated lists kept as one checked text.

use http::HeaderValue;
use memchr::memchr;

/// Removes optional white space, which is SP and HTAB and nothing else, at both ends.
#[inline]
pub(crate) fn trim_ows(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_ows_start(bytes);
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Removes optional white space at the front.
#[inline]
pub(crate) fn trim_ows_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// [`trim_ows`] of a text.
#[inline]
pub(crate) fn trim_ows_text(text: &str) -> &str {
    let start = text.len() - trim_ows_start(text.as_bytes()).len();
    let end = start + trim_ows(text.as_bytes()).len();
    text.get(start..end).unwrap_or_default()
}

/// What stands before and behind the first such byte of ASCII: a third of the cost of `split_once`.
#[inline]
pub(crate) fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// How many bytes at the front are of a class of the table.
///
/// Four steps a turn: three instructions a byte instead of five. Wider blocks lose, since keys and
/// values are short.
#[inline]
pub(crate) fn leading(bytes: &[u8], table: &[u8; 256], class: u8) -> usize {
    let is_other = |byte: &u8| table[usize::from(*byte)] & class == 0;
    let mut fours = bytes.chunks_exact(4);
    let mut length = 0;
    for four in &mut fours {
        if let Some(end) = four.iter().position(is_other) {
            return length + end;
        }
        length += 4;
    }
    let rest = fours.remainder();
    length + rest.iter().position(is_other).unwrap_or(rest.len())
}

/// A list whose members were all checked when it was made: visible ASCII, spaces and tabs.
///
/// The empty list is no value at all: making, cloning and dropping it takes no call.
#[derive(Clone, Default)]
pub(super) struct List(Option<HeaderValue>);

impl List {
    pub(super) fn as_str(&self) -> &str {
        self.0.as_ref().and_then(|list| list.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn as_header_value(&self) -> Option<&HeaderValue> {
        self.0.as_ref()
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, HeaderValue::len)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<HeaderValue> for List {
    fn from(list: HeaderValue) -> Self {
        Self(Some(list))
    }
}

impl From<String> for List {
    fn from(list: String) -> Self {
        let list = HeaderValue::from_maybe_shared(bytes::Bytes::from(list));
        Self(list.ok().filter(|list| !list.is_empty()))
    }
}
