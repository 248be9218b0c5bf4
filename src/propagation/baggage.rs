//! `baggage`, [W3C Baggage](https://www.w3.org/TR/baggage/).

use std::str::FromStr;

use super::received::List;
use super::{Field, ParseError, RawValue, Rule};
use crate::context::{Baggage, SENTRY_PREFIX, is_baggage_octet, is_token, trim_ows};
use crate::limits;

/// Checks a list and keeps its bytes if every member passes, else copies those that do (rules BG-1
/// to BG-10). Each member that is left out is told to `refuse`.
pub(super) fn parse(list: List<'_>, mut refuse: impl FnMut(Rule)) -> Baggage {
    let bytes = list.as_bytes();
    let looked_at = &bytes[..bytes.len().min(limits::BAGGAGE_SCAN_BYTES)];
    let mut kept = Kept::default();
    let mut lossless = looked_at.len() == bytes.len();
    if !lossless {
        refuse(Rule::Tr4);
    }
    let mut rest = Some(looked_at);
    while let Some(text) = rest {
        let (member, tail) = match memchr::memchr(b',', text) {
            Some(comma) => (&text[..comma], Some(&text[comma + 1..])),
            // A member that was cut off by the limit is not a member.
            None if looked_at.len() < bytes.len() => break,
            None => (text, None),
        };
        rest = tail;
        let member = trim_ows(member);
        if member.is_empty() {
            continue;
        }
        match check(member) {
            Err(rule) => {
                lossless = false;
                refuse(rule);
            }
            Ok(sentry) if kept.fits(member) => kept.count(member, sentry),
            Ok(_) => {
                lossless = false;
                refuse(Rule::Bg10);
                if kept.members == limits::BAGGAGE_MEMBERS {
                    break;
                }
            }
        }
    }
    if lossless && bytes.len() <= limits::BAGGAGE_BYTES && kept.members > 0 {
        if let Some(value) = list.to_header_value() {
            return Baggage::from_checked(value, kept.members, kept.sentry);
        }
    }
    copy(looked_at, &kept)
}

/// Copies the members that [`parse`] counted: the valid ones that fit, in order.
fn copy(bytes: &[u8], kept: &Kept) -> Baggage {
    if kept.members == 0 {
        return Baggage::default();
    }
    let mut text = Vec::with_capacity(kept.bytes);
    let mut again = Kept::default();
    for member in bytes.split(|byte| *byte == b',').map(trim_ows) {
        if again.members == kept.members {
            break;
        }
        if let Ok(sentry) = check(member)
            && again.fits(member)
        {
            if again.members > 0 {
                text.push(b',');
            }
            text.extend_from_slice(member);
            again.count(member, sentry);
        }
    }
    match http::HeaderValue::from_maybe_shared(bytes::Bytes::from(text)) {
        Ok(value) => Baggage::from_checked(value, again.members, again.sentry),
        Err(_) => Baggage::default(),
    }
}

#[derive(Default)]
struct Kept {
    members: usize,
    sentry: usize,
    /// The encoded form with the commas between the members.
    bytes: usize,
}

impl Kept {
    fn fits(&self, member: &[u8]) -> bool {
        self.members < limits::BAGGAGE_MEMBERS
            && self.bytes + usize::from(self.members > 0) + member.len() <= limits::BAGGAGE_BYTES
    }

    fn count(&mut self, member: &[u8], sentry: bool) {
        self.bytes += usize::from(self.members > 0) + member.len();
        self.members += 1;
        self.sentry += usize::from(sentry);
    }
}

/// Whether a member has a token, a sign and a value of baggage octets, and whether it is Sentry's.
fn check(member: &[u8]) -> Result<bool, Rule> {
    let sign = memchr::memchr(b'=', member).ok_or(Rule::Bg9)?;
    let key = trim_ows(&member[..sign]);
    let tail = &member[sign + 1..];
    let (value, properties) = match memchr::memchr(b';', tail) {
        Some(end) => (&tail[..end], &tail[end + 1..]),
        None => (tail, &[][..]),
    };
    let valid = is_token(key)
        && trim_ows(value).iter().all(|byte| is_baggage_octet(*byte))
        && properties.split(|byte| *byte == b';').map(trim_ows).all(is_property);
    if valid { Ok(key.starts_with(SENTRY_PREFIX.as_bytes())) } else { Err(Rule::Bg9) }
}

/// Properties are opaque (rule BG-7), but a byte that no header can hold would poison the whole list.
fn is_property(property: &[u8]) -> bool {
    property
        .iter()
        .all(|byte| is_baggage_octet(*byte) || matches!(byte, b' ' | b'\t' | b'"' | b'\\'))
}

impl FromStr for Baggage {
    type Err = ParseError;

    /// Parses the value of a `baggage` header strictly. Extraction is lenient instead: it leaves a
    /// bad member out alone (rule BG-9).
    ///
    /// # Errors
    /// If a member breaks rule BG-9, or the list is over the limits of rule BG-10.
    fn from_str(list: &str) -> Result<Self, ParseError> {
        let mut first = None;
        let baggage = parse(List::One(RawValue::from(list)), |rule| {
            first.get_or_insert(rule);
        });
        match first {
            Some(rule) => Err(ParseError::new(Field::Baggage, rule)),
            None => Ok(baggage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenient(text: &str) -> (Baggage, Vec<Rule>) {
        let mut refused = Vec::new();
        let baggage = parse(List::One(RawValue::from(text)), |rule| refused.push(rule));
        (baggage, refused)
    }

    #[test]
    fn bg_12_a_valid_list_keeps_every_byte() {
        let text = " a = 1 ; p = %2C;q\t,, b==%ff+,\tsentry-x=%20 ";
        let (baggage, refused) = lenient(text);
        assert_eq!((baggage.as_str(), refused.len(), baggage.len()), (text, 0, 3));
        let first = baggage.iter().next().unwrap();
        assert_eq!((first.key(), first.raw_value()), ("a", "1"));
        assert!(first.properties().eq([("p", Some("%2C")), ("q", None)]));
    }

    #[test]
    fn bg_9_a_bad_member_goes_alone() {
        let (baggage, refused) = lenient("a=1,=v,no,b c=1,k=\"q\",k=\u{e9},k=a b,b=2");
        assert_eq!(baggage.as_str(), "a=1,b=2");
        assert_eq!(refused, [Rule::Bg9; 6]);
    }

    #[test]
    fn bg_10_a_member_that_does_not_fit_does_not_hide_the_next() {
        let text = format!("a=1,big={},b=2", "x".repeat(8192));
        let (baggage, refused) = lenient(&text);
        assert_eq!((baggage.as_str(), refused), ("a=1,b=2", vec![Rule::Bg10]));
    }

    #[test]
    fn tr_4_a_member_that_the_limit_cuts_off_is_left_out() {
        let text = format!("a=1,big={}", "x".repeat(limits::BAGGAGE_SCAN_BYTES));
        assert_eq!(lenient(&text), ("a=1".parse().unwrap(), vec![Rule::Tr4]));
        let endless = ",".repeat(10 * limits::BAGGAGE_SCAN_BYTES);
        assert_eq!(lenient(&endless), (Baggage::default(), vec![Rule::Tr4]));
    }
}
