//! What `tracestate` and baggage have in common: comma-separated lists kept as one checked text.

use http::HeaderValue;

/// Removes optional white space, which is SP and HTAB and nothing else, at both ends.
pub(crate) fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
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
