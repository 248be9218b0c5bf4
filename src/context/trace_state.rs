use std::fmt;

use http::HeaderValue;

use super::list::{self, List, split_at_byte, trim_ows_text};
use crate::limits;

/// What vendors add to a trace: the list of a
/// [`tracestate`](https://www.w3.org/TR/trace-context-2/#tracestate-header) header.
///
/// A received list stays the bytes that came in and goes out again untouched, until it is edited.
///
/// ```
/// use throughline::context::TraceState;
///
/// let mut state: TraceState = "a=1,b=2".parse().unwrap();
/// state.set("b", "3").unwrap();
/// assert_eq!(state.as_str(), "b=3,a=1");
/// assert_eq!(state.get("a"), Some("1"));
/// ```
#[derive(Clone, Default)]
pub struct TraceState {
    list: List,
}

impl TraceState {
    /// The list as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.list.as_str()
    }

    /// Whether the list has no member. An empty list is never sent (rule TS-4).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The members, left to right: the left-most was changed last.
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        Entries { rest: self.as_str() }
    }

    /// The value of `key`, with leading spaces and without trailing ones.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Adds or updates a member and moves it to the left (rule TS-10). With 32 members there, the
    /// right-most one makes room (rule TS-9).
    ///
    /// # Errors
    /// If the key breaks rule TS-6 or the value rule TS-5; the list is then unchanged.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), TraceStateError> {
        if !is_key(key.as_bytes()) {
            return Err(TraceStateError { key: true });
        }
        if !is_value(value.as_bytes()) {
            return Err(TraceStateError { key: false });
        }
        let kept =
            self.iter().filter(|(name, _)| *name != key).take(limits::TRACESTATE_MEMBERS - 1);
        self.list = join(std::iter::once((key, value)).chain(kept)).into();
        Ok(())
    }

    /// Removes a member, if it is there.
    pub fn remove(&mut self, key: &str) {
        if self.get(key).is_some() {
            self.list = join(self.iter().filter(|(name, _)| *name != key)).into();
        }
    }

    /// Drops whole members until the list has at most `bytes` bytes: those over 128 characters
    /// first, then from the right (rule TS-11).
    pub fn shorten(&mut self, bytes: usize) {
        if self.as_str().len() <= bytes {
            return;
        }
        let mut entries: Vec<_> = self.iter().collect();
        let size = |entry: &(&str, &str)| entry.0.len() + 1 + entry.1.len();
        let mut total =
            entries.iter().map(|entry| size(entry) + 1).sum::<usize>().saturating_sub(1);
        while total > bytes {
            let Some(last) = entries.len().checked_sub(1) else { break };
            let victim = entries.iter().rposition(|entry| size(entry) > LONG_ENTRY).unwrap_or(last);
            total = total.saturating_sub(size(&entries.remove(victim)) + 1);
        }
        self.list = join(entries.into_iter()).into();
    }

    /// The list as a header value that shares its bytes, if there is a member.
    pub(crate) fn header_value(&self) -> Option<&HeaderValue> {
        self.list.as_header_value()
    }

    /// A list whose members were all checked.
    pub(crate) fn from_checked(list: HeaderValue) -> Self {
        Self { list: list.into() }
    }
}

impl PartialEq for TraceState {
    /// Compares members, not the white space between them.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for TraceState {}

impl fmt::Debug for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may hold what a vendor would not want in a log.
        f.debug_list().entries(self.iter().map(|(key, _)| key)).finish()
    }
}

/// The members of a [`TraceState`] as key and value.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (member, rest) = split_at_byte(self.rest, b',').unwrap_or((self.rest, ""));
            self.rest = rest;
            // Leading spaces belong to the value only behind the sign, so trimming the member is safe.
            if let Some(entry) = split_at_byte(trim_ows_text(member), b'=') {
                return Some(entry);
            }
        }
        None
    }
}

/// A key or a value that a `tracestate` cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceStateError {
    key: bool,
}

impl fmt::Display for TraceStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.key {
            "tracestate key is not [a-z0-9][a-z0-9_*/@-]{0,255} (TS-6)"
        } else {
            "tracestate value is not 1 to 256 printable characters without comma and equals sign (TS-5)"
        })
    }
}

impl std::error::Error for TraceStateError {}

/// Rule TS-6.
pub(crate) fn is_key(key: &[u8]) -> bool {
    !key.is_empty() && leading_key(key) == key.len()
}

/// Rule TS-5.
pub(crate) fn is_value(value: &[u8]) -> bool {
    !value.is_empty() && value.last() != Some(&b' ') && leading_value(value) == value.len()
}

/// How long the key at the front is, 0 if there is none (rule TS-6).
#[inline]
pub(crate) fn leading_key(bytes: &[u8]) -> usize {
    match (bytes.first(), list::leading(bytes, &CLASS, KEY)) {
        (Some(b'a'..=b'z' | b'0'..=b'9'), length @ ..=limits::TRACESTATE_KEY_CHARS) => length,
        _ => 0,
    }
}

/// How long the value at the front is, without spaces at its end, 0 if there is none (rule TS-5).
#[inline]
pub(crate) fn leading_value(bytes: &[u8]) -> usize {
    let mut length = list::leading(bytes, &CLASS, VALUE);
    while let Some(b' ') = bytes[..length].last() {
        length -= 1;
    }
    if length <= limits::TRACESTATE_VALUE_CHARS { length } else { 0 }
}

fn join<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in entries {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
    text
}

/// Characters, the sign included, above which a member is the first to go (rule TS-11).
const LONG_ENTRY: usize = 128;

const KEY: u8 = 1;
const VALUE: u8 = 2;

static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte: u8 = 0x20;
    while byte < 0x7f {
        if !matches!(byte, b',' | b'=') {
            table[byte as usize] |= VALUE;
        }
        if matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'*' | b'/' | b'@' | b'-') {
            table[byte as usize] |= KEY;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ts_9_adding_to_a_full_list_evicts_the_right_most_member() {
        let full = (0..32).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        let mut state: TraceState = full.parse().unwrap();
        state.set("new", "1").unwrap();
        assert_eq!(state.iter().count(), 32);
        assert_eq!(state.iter().next(), Some(("new", "1")));
        assert_eq!(state.get("k31"), None);
    }

    #[test]
    fn ts_10_an_update_moves_the_member_left_and_keeps_the_others_in_order() {
        let mut state: TraceState = "a=1,b=2,c=3".parse().unwrap();
        state.set("c", "9").unwrap();
        assert_eq!(state.as_str(), "c=9,a=1,b=2");
        state.remove("a");
        assert_eq!(state.as_str(), "c=9,b=2");
    }

    #[test]
    fn a_bad_key_or_value_leaves_the_list_as_it_was() {
        let mut state: TraceState = "a=1".parse().unwrap();
        assert!(state.set("Upper", "1").unwrap_err().to_string().contains("TS-6"));
        for value in ["", "a,b", "a=b", "ends ", "t\tab", "\u{e9}", &"v".repeat(257)] {
            assert!(state.set("b", value).unwrap_err().to_string().contains("TS-5"));
        }
        assert_eq!(state.as_str(), "a=1");
    }

    #[test]
    fn ts_11_shortening_to_nothing_ends() {
        let mut state: TraceState = "a=1,b=2".parse().unwrap();
        state.shorten(3);
        assert_eq!(state.as_str(), "a=1");
        state.shorten(0);
        assert!(state.is_empty());
    }
}
