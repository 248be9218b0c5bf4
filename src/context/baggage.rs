use std::borrow::Cow;
use std::fmt;

use http::HeaderValue;

use super::list::{self, List};
use super::percent;
use crate::limits;

/// What applications add to a trace: the list of a
/// [`baggage`](https://www.w3.org/TR/baggage/) header.
///
/// A received list stays the bytes that came in: members keep their order, duplicates, properties and
/// escapes, are decoded when somebody reads them, and go out again untouched (rule BG-12). Members
/// whose key begins with `sentry-` are Sentry's dynamic sampling context, see [`Baggage::sentry`].
///
/// ```
/// use throughline::context::Baggage;
///
/// let baggage: Baggage = "user=J%C3%BCrgen;ttl=60,sentry-release=1.0".parse().unwrap();
/// assert_eq!(baggage.get("user").as_deref(), Some("Jürgen"));
/// assert_eq!(baggage.sentry().get("release").as_deref(), Some("1.0"));
/// ```
#[derive(Clone, Default)]
pub struct Baggage {
    list: List,
    members: usize,
    sentry_members: usize,
}

impl Baggage {
    /// The list as it goes on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.list.as_str()
    }

    /// Number of members, at most 64.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members == 0
    }

    /// The members in their order.
    #[must_use]
    pub fn iter(&self) -> Members<'_> {
        Members { rest: self.as_str() }
    }

    /// The decoded value of the first member with that key. Keys are case-sensitive (rule BG-1).
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Cow<'_, str>> {
        self.iter().find(|member| member.key() == key).map(|member| member.value())
    }

    /// Appends a member; the value is percent-encoded where it has to be (rule BG-5).
    ///
    /// # Errors
    /// If the key is not a token (rule BG-1), or the list would have more than 64 members or 8192
    /// bytes (rule BG-10). The list is then unchanged.
    pub fn push(&mut self, key: &str, value: &str) -> Result<(), BaggageError> {
        if !is_token(key.as_bytes()) {
            return Err(BaggageError { full: false });
        }
        let mut text = String::with_capacity(self.list.len() + key.len() + value.len() + 2);
        if !self.is_empty() {
            text.push_str(self.as_str());
            text.push(',');
        }
        text.push_str(key);
        text.push('=');
        percent::encode(value, is_baggage_octet, &mut text);
        if text.len() > limits::BAGGAGE_BYTES || self.members == limits::BAGGAGE_MEMBERS {
            return Err(BaggageError { full: true });
        }
        self.list = text.into();
        self.members += 1;
        self.sentry_members += usize::from(key.starts_with(SENTRY_PREFIX));
        Ok(())
    }

    /// Keeps the members that `keep` says yes to. Without a change the bytes stay shared.
    pub fn retain(&mut self, mut keep: impl FnMut(&Member<'_>) -> bool) {
        let kept: Vec<_> = self.iter().filter(|member| keep(member)).collect();
        if kept.len() != self.members {
            let (members, bytes) = (limits::BAGGAGE_MEMBERS, limits::BAGGAGE_BYTES);
            *self = Self::from_members_within(members, bytes, kept);
        }
    }

    /// The members of Sentry's dynamic sampling context.
    #[must_use]
    pub fn sentry(&self) -> SentryView<'_> {
        SentryView { baggage: self }
    }

    /// How many members are Sentry's.
    pub(crate) fn sentry_len(&self) -> usize {
        self.sentry_members
    }

    /// The list as a header value that shares its bytes, if there is a member.
    pub(crate) fn header_value(&self) -> Option<&HeaderValue> {
        self.list.as_header_value()
    }

    /// Length of the list in bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        self.list.len()
    }

    /// A list whose members were all checked and counted.
    pub(crate) fn from_checked(list: HeaderValue, members: usize, sentry_members: usize) -> Self {
        Self { list: list.into(), members, sentry_members }
    }

    /// A list of members that were checked where they come from, as they stand there. What does not
    /// fit any more is left out whole.
    pub(crate) fn from_members_within<'a>(
        max_members: usize,
        max_bytes: usize,
        members: impl IntoIterator<Item = Member<'a>>,
    ) -> Self {
        let mut text = String::new();
        let (mut count, mut sentry) = (0, 0);
        for member in members {
            if count == max_members
                || text.len() + usize::from(count > 0) + member.raw.len() > max_bytes
            {
                continue;
            }
            if count > 0 {
                text.push(',');
            }
            text.push_str(member.raw);
            count += 1;
            sentry += usize::from(member.is_sentry());
        }
        Self { list: text.into(), members: count, sentry_members: sentry }
    }
}

impl PartialEq for Baggage {
    /// Compares members as they stand on the wire, not the white space between them.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Baggage {}

impl fmt::Debug for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are the application's data: they stay out of logs.
        f.debug_list().entries(self.iter().map(|member| member.key)).finish()
    }
}

impl<'a> IntoIterator for &'a Baggage {
    type Item = Member<'a>;
    type IntoIter = Members<'a>;

    fn into_iter(self) -> Members<'a> {
        self.iter()
    }
}

/// The members of a [`Baggage`].
#[derive(Clone)]
pub struct Members<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (member, rest) = self.rest.split_once(',').unwrap_or((self.rest, ""));
            self.rest = rest;
            let raw = member.trim_matches([' ', '\t']);
            if let Some((key, tail)) = raw.split_once('=') {
                let key = key.trim_end_matches([' ', '\t']);
                return Some(Member { raw, key, tail });
            }
        }
        None
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone().map(|member| member.key)).finish()
    }
}

/// One member of a [`Baggage`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    raw: &'a str,
    key: &'a str,
    tail: &'a str,
}

impl<'a> Member<'a> {
    /// The key, never decoded.
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// The value, decoded. Bytes that are not UTF-8 become U+FFFD (rule BG-6).
    #[must_use]
    pub fn value(&self) -> Cow<'a, str> {
        percent::decode(self.raw_value())
    }

    /// The value as it stands on the wire.
    #[must_use]
    pub fn raw_value(&self) -> &'a str {
        let value = self.tail.split_once(';').map_or(self.tail, |(value, _)| value);
        value.trim_matches([' ', '\t'])
    }

    /// The properties behind the value, never decoded (rule BG-7).
    #[must_use]
    pub fn properties(&self) -> Properties<'a> {
        Properties { rest: self.tail.split_once(';').map_or("", |(_, properties)| properties) }
    }

    /// The whole member as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.raw
    }

    pub(crate) fn is_sentry(&self) -> bool {
        self.key.starts_with(SENTRY_PREFIX)
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Member").field(&self.key).finish()
    }
}

/// The properties of a [`Member`]: key, and value where there is one.
#[derive(Clone, Debug)]
pub struct Properties<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Properties<'a> {
    type Item = (&'a str, Option<&'a str>);

    fn next(&mut self) -> Option<Self::Item> {
        let trim = |text: &'a str| text.trim_matches([' ', '\t']);
        while !self.rest.is_empty() {
            let (property, rest) = self.rest.split_once(';').unwrap_or((self.rest, ""));
            self.rest = rest;
            if !trim(property).is_empty() {
                return Some(match property.split_once('=') {
                    Some((key, value)) => (trim(key), Some(trim(value))),
                    None => (trim(property), None),
                });
            }
        }
        None
    }
}

/// Sentry's
/// [dynamic sampling context](https://develop.sentry.dev/sdk/telemetry/traces/dynamic-sampling-context/):
/// the `sentry-` members of a [`Baggage`], without their prefix.
#[derive(Clone, Copy, Debug)]
pub struct SentryView<'a> {
    baggage: &'a Baggage,
}

impl<'a> SentryView<'a> {
    /// Whether there is no such member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.baggage.sentry_members == 0
    }

    /// The decoded value of `sentry-{name}`, for example of `trace_id`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|(key, _)| *key == name).map(|(_, member)| member.value())
    }

    /// The members in their order, each with its key behind the prefix.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Member<'a>)> + use<'a> {
        self.baggage
            .iter()
            .filter_map(|member| Some((member.key.strip_prefix(SENTRY_PREFIX)?, member)))
    }
}

/// A member that a [`Baggage`] cannot take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaggageError {
    full: bool,
}

impl fmt::Display for BaggageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.full {
            "baggage is full: at most 64 members and 8192 bytes (BG-10)"
        } else {
            "baggage key is not a token (BG-1)"
        })
    }
}

impl std::error::Error for BaggageError {}

/// An RFC 7230 token (rule BG-1).
pub(crate) fn is_token(key: &[u8]) -> bool {
    !key.is_empty() && leading_token(key) == key.len()
}

/// How long the token at the front is (rule BG-1).
#[inline]
pub(crate) fn leading_token(bytes: &[u8]) -> usize {
    list::leading(bytes, &CLASS, TOKEN)
}

/// How many bytes at the front a value may hold (rule BG-5).
#[inline]
pub(crate) fn leading_octets(bytes: &[u8]) -> usize {
    list::leading(bytes, &CLASS, OCTET)
}

/// How many bytes at the front properties may hold. They are opaque (rule BG-7), but a byte that no
/// header can hold would poison the whole list.
pub(crate) fn leading_properties(bytes: &[u8]) -> usize {
    list::leading(bytes, &CLASS, PROPERTY)
}

/// A byte that a value may hold unencoded (rule BG-5).
fn is_baggage_octet(byte: u8) -> bool {
    CLASS[usize::from(byte)] & OCTET != 0
}

/// What the keys of Sentry's members begin with.
pub(crate) const SENTRY_PREFIX: &str = "sentry-";

const TOKEN: u8 = 1;
const OCTET: u8 = 2;
const PROPERTY: u8 = 4;

static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    table[b' ' as usize] = PROPERTY;
    table[b'\t' as usize] = PROPERTY;
    let mut byte: u8 = 0x21;
    while byte < 0x7f {
        if byte != b',' {
            table[byte as usize] |= PROPERTY;
        }
        if !matches!(byte, b'"' | b',' | b';' | b'\\') {
            table[byte as usize] |= OCTET;
        }
        if matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9')
            || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-')
            || matches!(byte, b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
        {
            table[byte as usize] |= TOKEN;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bg_5_what_is_pushed_is_read_back() {
        let mut baggage = Baggage::default();
        for value in ["", "plain", "a b", "100%", "a+b=c", "x,y;z\"\\", "J\u{fc}rgen", "\r\n\0"] {
            baggage.push("k", value).unwrap();
            assert_eq!(baggage.iter().last().unwrap().value(), value);
        }
        assert_eq!(baggage.len(), 8);
    }

    #[test]
    fn bg_1_a_key_that_is_no_token_is_refused() {
        let mut baggage = Baggage::default();
        for key in ["", "a b", "a=b", "a,b", "\u{e9}", "a\n"] {
            assert!(baggage.push(key, "v").unwrap_err().to_string().contains("BG-1"));
        }
        assert!(baggage.is_empty());
    }

    #[test]
    fn bg_10_the_65th_member_and_the_8193rd_byte_are_refused() {
        let mut baggage = Baggage::default();
        for n in 0..64 {
            baggage.push(&format!("k{n}"), "v").unwrap();
        }
        assert!(baggage.push("more", "v").unwrap_err().to_string().contains("BG-10"));
        assert_eq!(baggage.len(), 64);

        let mut baggage = Baggage::default();
        baggage.push("k", &"v".repeat(8190)).unwrap();
        assert_eq!(baggage.as_str().len(), 8192);
        let mut baggage = Baggage::default();
        assert!(baggage.push("k", &"v".repeat(8191)).is_err());
    }

    #[test]
    fn the_sentry_view_shows_only_its_members() {
        let baggage: Baggage = "a=1,sentry-trace_id=7,b=2,sentry-sampled=true".parse().unwrap();
        let seen: Vec<_> =
            baggage.sentry().iter().map(|(key, member)| (key, member.value())).collect();
        assert_eq!(seen, [("trace_id", "7".into()), ("sampled", "true".into())]);
    }

    #[test]
    fn values_stay_out_of_debug_output() {
        let baggage: Baggage = "user=secret".parse().unwrap();
        assert_eq!(format!("{baggage:?}"), r#"["user"]"#);
    }
}
