//! The least that each row can cost in safe code: ids are read and written by a table, headers are found
//! and passed on, lists are cut at their commas. Nothing is refused, so none of it could be shipped.

use std::hint::black_box;

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// Trace id, parent id and flags.
pub(super) type Ids = (u128, u64, u8);

/// What is passed on.
pub(super) type Passed = (Ids, Option<HeaderValue>, Option<HeaderValue>);

/// What is written, and a map that has held a request already.
pub(super) type Sent = (&'static Passed, &'static mut HeaderMap);

pub(super) fn parse(text: &[u8]) -> Ids {
    let digits = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .fold(0, |number: u128, digit| number << 4 | u128::from(DIGITS[usize::from(*digit)]))
    };
    (digits(3, 35), digits(36, 52) as u64, digits(53, 55) as u8)
}

/// Whether it has the length and the dashes of one; that is where most of what is bad ends.
pub(super) fn refuse(text: &[u8]) -> bool {
    text.len() == 55 && text[2] == b'-' && text[35] == b'-' && text[52] == b'-'
}

pub(super) fn extract_parent(headers: &HeaderMap) -> Option<Ids> {
    Some(parse(headers.get(TRACEPARENT)?.as_bytes()))
}

pub(super) fn extract_all(headers: &HeaderMap) -> Option<Passed> {
    let value = |name| headers.get(name).cloned();
    Some((extract_parent(headers)?, value(TRACESTATE), value(BAGGAGE)))
}

pub(super) fn extract_baggage(headers: &HeaderMap) -> Option<(HeaderValue, usize)> {
    passed_and_cut(headers, BAGGAGE)
}

pub(super) fn extract_tracestate(headers: &HeaderMap) -> Option<(HeaderValue, usize)> {
    black_box(extract_parent(headers));
    passed_and_cut(headers, TRACESTATE)
}

/// The list itself, and the number of its members.
fn passed_and_cut(headers: &HeaderMap, name: HeaderName) -> Option<(HeaderValue, usize)> {
    let value = headers.get(name)?;
    let members = memchr::memchr_iter(b',', value.as_bytes()).count() + 1;
    Some((value.clone(), members))
}

pub(super) fn inject_parent((trace, parent, flags): Ids, headers: &mut HeaderMap) {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    let mut write = |from: usize, bytes: &[u8]| {
        for (at, byte) in bytes.iter().enumerate() {
            text[from + 2 * at..][..2].copy_from_slice(&PAIRS[usize::from(*byte)]);
        }
    };
    write(3, &trace.to_be_bytes());
    write(36, &parent.to_be_bytes());
    write(53, &[flags]);
    let value = HeaderValue::from_bytes(&text).expect("digits and dashes");
    headers.insert(TRACEPARENT, value);
}

pub(super) fn inject_all((ids, state, baggage): &Passed, headers: &mut HeaderMap) {
    inject_parent(*ids, headers);
    for (name, value) in [(TRACESTATE, state), (BAGGAGE, baggage)] {
        if let Some(value) = value {
            headers.insert(name, value.clone());
        }
    }
}

/// As behind a server, whose values are shared: the first clone of one that is not takes an allocation.
pub(super) fn received(headers: HeaderMap) -> &'static HeaderMap {
    drop(headers.clone());
    Box::leak(Box::new(headers))
}

/// What came with a request, and where it goes out again.
pub(super) fn sent(headers: fn() -> HeaderMap) -> Sent {
    let mut headers = headers();
    let passed = extract_all(&headers).expect("there is a traceparent");
    inject_all(&passed, &mut headers);
    headers.clear();
    (Box::leak(Box::new(passed)), Box::leak(Box::new(headers)))
}

/// The value of each hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [0; 256];
    let mut value = 0;
    while value < 16 {
        digits[HEX[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// Both digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    pairs
};

const HEX: &[u8; 16] = b"0123456789abcdef";
