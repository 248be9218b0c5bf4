//! What `tracestate` and baggage have in common: comma-separated lists kept as one checked text.

use http::HeaderValue;

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

/// The text of a list that was checked to be visible ASCII, spaces and tabs when it was built.
pub(super) fn text(list: &HeaderValue) -> &str {
    list.to_str().unwrap_or_default()
}

/// A list from a text that consists of checked members only.
pub(super) fn from_checked(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).unwrap_or(EMPTY)
}

/// The list without members.
pub(super) const EMPTY: HeaderValue = HeaderValue::from_static("");
