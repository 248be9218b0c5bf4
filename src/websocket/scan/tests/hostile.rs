//! Texts that are made to cost much.

use std::cell::Cell;

use super::super::{Keys, Object};
use crate::limits;

thread_local! {
    static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
}

/// What the steps of a search call in tests.
pub(in super::super) fn look(bytes: usize) {
    LOOKED_AT.set(LOOKED_AT.get() + bytes);
}

/// How many members are found, and how many bytes are looked at on the way.
fn cost(text: &str, keys: &[&str]) -> (usize, usize) {
    let keys = Keys::new(keys.iter().copied());
    LOOKED_AT.set(0);
    let members = Object::open(text).map_or(0, |object| object.members(&keys, |_| true).len());
    (members, LOOKED_AT.get())
}

const KEYS: [&str; 3] = ["_trace", "_sentry", "_meta"];

#[test]
fn no_text_costs_more_than_a_few_walks() {
    const N: usize = 20_000;
    let deep = format!("{}0{}", "[".repeat(N), "]".repeat(N));
    let spaces = " ".repeat(50);
    let backslashes = "\\".repeat(2 * N);
    for (text, found) in [
        (format!("{{\"a\":[{}0]}}", "\"_\",".repeat(N)), 0),
        (format!("{{\"a\":[{}0]}}", "{\"_trace\":0,\"b\":1},".repeat(N)), 0),
        (format!("{{\"a\":[{}0],\"_trace\":0,\"b\":0}}", "{\"_trace\":0},".repeat(N)), 1),
        (format!("{{\"a\":{}0{}}}", "{\"_trace\":".repeat(N), "}".repeat(N)), 0),
        (format!("{{\"_trace\":{}0{}}}", "{\"_trace\":".repeat(N), "}".repeat(N)), 1),
        (format!("{{\"a\":0{}}}", ",\"_trace\":0,\"b\":1".repeat(N)), N),
        (format!("{{\"_trace\":1{}}}", ",\"_trace\":0".repeat(N)), N + 1),
        (format!("{{\"a\":\"{}\"}}", "\\\"_trace\\\":".repeat(N)), 0),
        (format!("{{\"a\":\"{}\"}}", "\\\\\\\"_trace\\\\\\\":".repeat(N)), 0),
        (format!("{{\"a\":\"{}\"}}", "\\\"".repeat(N)), 0),
        (format!("{{\"a\":[{}0]}}", "\"\\u005f\",".repeat(N)), 0),
        (format!("{{\"a\":\"{backslashes}\",\"_trace\":0,\"b\":\"{backslashes}\"}}"), 1),
        (format!("{{\"a\":{deep},\"_trace\":{deep},\"b\":{deep}}}"), 1),
        (format!("{{\"a\":0{}}}", format!(",{spaces}\"_trace\"{spaces}:{spaces}0").repeat(N)), N),
        // What is no JSON.
        (format!("{{{}}}", "\"_".repeat(N)), 0),
        (format!("{{{}}}", "\"".repeat(N)), 0),
        (format!("{{\"a\":{}}}", "{\"_trace\":[".repeat(N)), 0),
        (format!("{{\"a\":{}0}}", "[\"_trace\":0,".repeat(N)), 0),
        (format!("{{\"a\":{}}}", "]}".repeat(N)), 0),
        (format!("{{\"a\":0{}}}", " ,\"_trace\" ".repeat(N)), 0),
        (format!("{{\"a\":\"{}\"_trace\":0}}", "\\".repeat(N)), 0),
    ] {
        let (members, looked_at) = cost(&text, &KEYS);
        let start = &text[..40];
        assert_eq!(members, found, "{start}");
        assert!(looked_at <= 3 * text.len(), "{start}: {looked_at} of {}", text.len());
        let (_, looked_at) = cost(&text, &["a", "b", "_trace", "0", "1"]);
        assert!(looked_at <= 3 * text.len(), "{start}: {looked_at} of {}", text.len());
    }
}

#[test]
fn a_context_at_the_start_costs_the_same_before_any_payload() {
    let text = |n| format!("{{\"_trace\":{{\"a\":0}},\"b\":\"{}\"}}", "x".repeat(n));
    let (found, short) = cost(&text(1_000), &KEYS);
    assert_eq!((found, short), cost(&text(1_000_000), &KEYS));
    assert!(short <= limits::LATE_DUPLICATE_BYTES + 100, "{short}");
}

#[test]
fn a_context_is_proven_from_the_nearer_end() {
    let text = |before: usize, after: usize| {
        let list = |n| "[\"\"],".repeat(n / 5);
        format!("{{\"a\":[{}0],\"_trace\":0,\"b\":[{}0]}}", list(before), list(after))
    };
    for (before, after) in [(100, 20_000), (20_000, 100)] {
        let text = text(before, after);
        let (found, looked_at) = cost(&text, &KEYS);
        assert_eq!(found, 1);
        assert!(looked_at <= text.len() + 300, "{looked_at} of {}", text.len());
    }
}

#[test]
fn where_nothing_is_found_nothing_is_allocated() {
    let text = format!("{{\"a\":\"{}\",\"b\":{{\"c\":\"_trace\"}}}}", "\\u005f".repeat(1_000));
    let members = Object::open(&text).unwrap().members(&Keys::new(KEYS), |_| true);
    assert_eq!(members.capacity(), 0);
}
