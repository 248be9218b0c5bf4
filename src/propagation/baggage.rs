//! `baggage`, [W3C Baggage](https://www.w3.org/TR/baggage/).

use std::borrow::Cow;
use std::str::FromStr;

use super::received::List;
use super::{Field, ParseError, RawValue, Rule};
use crate::context::{
    Baggage, SENTRY_PREFIX, leading_octets, leading_properties, leading_token, percent_decode,
    trim_ows, trim_ows_start,
};
use crate::limits;

/// Checks a list and keeps its bytes if every member passes, else copies those that do (rules BG-1
/// to BG-10). Each member that is left out is told to `refuse`.
///
/// Also tells what Sentry's members say, so that nobody has to walk the list again for it.
pub(super) fn parse<'a>(list: List<'a>, refuse: &mut dyn FnMut(Rule)) -> (Baggage, Sampling<'a>) {
    let bytes = list.as_bytes();
    let looked_at = whole_members(bytes);
    let mut kept = Kept::default();
    let mut sampling = Sampling::default();
    let mut lossless = bytes.len() <= limits::BAGGAGE_BYTES;
    if looked_at.len() < bytes.len() {
        refuse(Rule::Tr4);
    }
    for member in (Scan { rest: looked_at }) {
        match member {
            Err(rule) => {
                lossless = false;
                refuse(rule);
            }
            Ok(member) if kept.fits(&member) => {
                kept.count(&member);
                if let Some(name) = member.sentry_name() {
                    kept.sentry += 1;
                    sampling.note(name, member.value);
                }
            }
            Ok(_) => {
                lossless = false;
                refuse(Rule::Bg10);
                if kept.members == limits::BAGGAGE_MEMBERS {
                    break;
                }
            }
        }
    }
    if lossless
        && kept.members > 0
        && let Some(value) = list.to_header_value()
    {
        return (Baggage::from_checked(value, kept.members, kept.sentry), sampling);
    }
    (copy(looked_at, &kept), sampling)
}

/// The part of a list that is looked at: a member that the limit cuts off is not a member.
fn whole_members(list: &[u8]) -> &[u8] {
    match list.get(..limits::BAGGAGE_SCAN_BYTES) {
        Some(start) if start.len() < list.len() => {
            &start[..memchr::memrchr(b',', start).unwrap_or(0)]
        }
        _ => list,
    }
}

/// Copies the members that [`parse`] counted: the valid ones that fit, in order.
fn copy(bytes: &[u8], kept: &Kept) -> Baggage {
    let mut text = Vec::with_capacity(kept.bytes);
    let mut again = Kept::default();
    let mut scan = Scan { rest: bytes };
    for member in std::iter::from_fn(|| scan.next_of_any_form()).flatten() {
        if again.members == kept.members {
            break;
        }
        if again.fits(&member) {
            if again.members > 0 {
                text.push(b',');
            }
            text.extend_from_slice(member.text);
            again.count(&member);
            again.sentry += usize::from(member.sentry_name().is_some());
        }
    }
    match http::HeaderValue::from_maybe_shared(bytes::Bytes::from(text)) {
        Ok(value) if again.members > 0 => Baggage::from_checked(value, again.members, again.sentry),
        _ => Baggage::default(),
    }
}

/// What the members of Sentry's dynamic sampling context say that has a meaning to us, the first of
/// each name, not decoded.
#[derive(Clone, Copy, Default)]
pub(super) struct Sampling<'a> {
    trace_id: Option<&'a [u8]>,
    org_id: Option<&'a [u8]>,
    sample_rate: Option<&'a [u8]>,
    sample_rand: Option<&'a [u8]>,
}

impl<'a> Sampling<'a> {
    fn note(&mut self, name: &[u8], value: &'a [u8]) {
        let known = match name {
            b"trace_id" => &mut self.trace_id,
            b"org_id" => &mut self.org_id,
            b"sample_rate" => &mut self.sample_rate,
            b"sample_rand" => &mut self.sample_rand,
            _ => return,
        };
        known.get_or_insert(value);
    }

    /// Whether the trace that is described is that of a valid `sentry-trace`, if any is named.
    pub(super) fn is_of(&self, sentry_trace: &[u8]) -> bool {
        let named = |digits: &[u8]| trim_ows_start(sentry_trace).get(..TRACE_ID) == Some(digits);
        self.trace_id.is_none_or(|raw| {
            named(raw) || decode(Some(raw)).is_some_and(|decoded| named(decoded.as_bytes()))
        })
    }

    pub(super) fn org_id(&self) -> Option<Cow<'a, str>> {
        decode(self.org_id)
    }

    /// The rate, if it is a number from 0 to 1.
    pub(super) fn sample_rate(&self) -> Option<f64> {
        let rate = decode(self.sample_rate)?.parse().ok();
        rate.filter(|rate| (0.0..=1.0).contains(rate))
    }

    /// Whether the rate is 0. The usual forms of other rates need no conversion.
    pub(super) fn has_rate_zero(&self) -> bool {
        let is_number = |raw: &[u8]| raw.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
        match self.sample_rate {
            None => false,
            Some(raw) if is_number(raw) && raw.iter().any(|byte| *byte > b'0') => false,
            Some(_) => self.sample_rate() == Some(0.0),
        }
    }

    /// Whether `sample_rand` is a number from 0 to below 1 (rule SE-7).
    pub(super) fn has_sample_rand(&self) -> bool {
        if let Some([b'0', b'.', digits @ ..]) = self.sample_rand
            && (1..=EXACT_DIGITS).contains(&digits.len())
            && digits.iter().all(u8::is_ascii_digit)
        {
            // The usual form needs no conversion, which takes 200 instructions.
            return true;
        }
        let number = decode(self.sample_rand).and_then(|text| text.parse::<f64>().ok());
        number.is_some_and(|rand| (0.0..1.0).contains(&rand))
    }
}

/// Digits of a trace id.
const TRACE_ID: usize = 32;

/// With more nines than this behind the point, a number is rounded up to 1.
const EXACT_DIGITS: usize = 15;

fn decode(value: Option<&[u8]>) -> Option<Cow<'_, str>> {
    std::str::from_utf8(value?).ok().map(percent_decode)
}

#[derive(Default)]
struct Kept {
    members: usize,
    sentry: usize,
    /// The encoded form with the commas between the members.
    bytes: usize,
}

impl Kept {
    fn fits(&self, member: &Scanned<'_>) -> bool {
        self.members < limits::BAGGAGE_MEMBERS && self.bytes_with(member) <= limits::BAGGAGE_BYTES
    }

    fn count(&mut self, member: &Scanned<'_>) {
        self.bytes = self.bytes_with(member);
        self.members += 1;
    }

    fn bytes_with(&self, member: &Scanned<'_>) -> usize {
        self.bytes + usize::from(self.members > 0) + member.text.len()
    }
}

/// Walks over the members of a list, empty ones left out, and checks each (rules BG-1 to BG-7).
struct Scan<'a> {
    rest: &'a [u8],
}

/// A member that has a token, a sign and a value of baggage octets.
struct Scanned<'a> {
    text: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Iterator for Scan<'a> {
    type Item = Result<Scanned<'a>, Rule>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // Most members have neither white space nor properties: 150 instructions instead of 280.
        match plain(self.rest) {
            Some((member, rest)) => {
                self.rest = rest;
                Some(Ok(member))
            }
            None => self.next_of_any_form(),
        }
    }
}

impl<'a> Scan<'a> {
    #[cold]
    fn next_of_any_form(&mut self) -> Option<Result<Scanned<'a>, Rule>> {
        let mut list = trim_ows_start(self.rest);
        while let [b',', rest @ ..] = list {
            list = trim_ows_start(rest);
        }
        if list.is_empty() {
            return None;
        }
        let scanned = scanned(list);
        let end = match &scanned {
            Some((_, end)) => Some(*end),
            None => memchr::memchr(b',', list),
        };
        self.rest = end.and_then(|end| list.get(end + 1..)).unwrap_or_default();
        Some(scanned.map(|(member, _)| member).ok_or(Rule::Bg9))
    }
}

/// The member that the list begins with if it is a token, a sign and a value and nothing else, and
/// what stands behind its comma.
#[inline]
fn plain(list: &[u8]) -> Option<(Scanned<'_>, &[u8])> {
    let (key, tail) = list.split_at_checked(leading_token(list))?;
    let [b'=', tail @ ..] = tail else { return None };
    let (value, tail) = tail.split_at_checked(leading_octets(tail))?;
    let rest = match tail {
        [] => tail,
        [b',', rest @ ..] => rest,
        _ => return None,
    };
    let text = list.get(..key.len() + 1 + value.len())?;
    if key.is_empty() { None } else { Some((Scanned { text, key, value }, rest)) }
}

/// The member that the list begins with, and where it ends.
fn scanned(list: &[u8]) -> Option<(Scanned<'_>, usize)> {
    let (key, rest) = list.split_at(leading_token(list));
    let [b'=', rest @ ..] = trim_ows_start(rest) else { return None };
    let rest = trim_ows_start(rest);
    let (value, rest) = rest.split_at(leading_octets(rest));
    let end = list.len() - behind_properties(rest)?.len();
    if key.is_empty() {
        return None;
    }
    Some((Scanned { text: trim_ows(&list[..end]), key, value }, end))
}

/// What stands behind the white space and the properties that follow a value.
fn behind_properties(rest: &[u8]) -> Option<&[u8]> {
    let mut end = trim_ows_start(rest);
    if let [b';', ..] = end {
        end = &end[leading_properties(end)..];
    }
    matches!(end, [] | [b',', ..]).then_some(end)
}

impl<'a> Scanned<'a> {
    #[inline]
    fn sentry_name(&self) -> Option<&'a [u8]> {
        self.key.strip_prefix(SENTRY_PREFIX.as_bytes())
    }
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
        let (baggage, _) = parse(List::One(RawValue::from(list)), &mut |rule| {
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
        let (baggage, _) = parse(List::One(RawValue::from(text)), &mut |rule| refused.push(rule));
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
    fn se_7_a_number_that_rounds_to_one_is_no_sample_rand() {
        let has = |rand: &str| {
            let text = format!("sentry-sample_rand={rand}");
            parse(List::One(RawValue::from(text.as_str())), &mut |_| {}).1.has_sample_rand()
        };
        for rand in ["0.5", "0.999999999999999", "0", "1e-3", "%30.5", "0.1234567890123456789"] {
            assert!(has(rand), "{rand}");
        }
        for rand in ["", "0.", "1", "-0.1", "0.99999999999999999999", "0.5x", "nan"] {
            assert_eq!(has(rand), rand == "0.", "{rand}");
        }
    }

    #[test]
    fn tr_4_a_member_that_the_limit_cuts_off_is_left_out() {
        let text = format!("a=1,big={}", "x".repeat(limits::BAGGAGE_SCAN_BYTES));
        assert_eq!(lenient(&text), ("a=1".parse().unwrap(), vec![Rule::Tr4]));
        let endless = ",".repeat(10 * limits::BAGGAGE_SCAN_BYTES);
        assert_eq!(lenient(&endless), (Baggage::default(), vec![Rule::Tr4]));
    }
}
