//! How little the rows of the wire formats can cost: what `../../wire.rs` does, without the checks that
//! make it safe to use, and the two loops that vector instructions could make shorter.

use std::hint::black_box;

use gungraun::prelude::*;
use http::HeaderMap;

#[path = "../../wire/input.rs"]
mod input;
#[path = "floor/least.rs"]
mod least;
#[path = "floor/vectors.rs"]
mod vectors;

#[library_benchmark]
#[bench::parse(input::TRACEPARENT)]
fn parse(text: &'static str) -> least::Ids {
    least::parse(black_box(text.as_bytes()))
}

#[library_benchmark]
#[bench::refuse(input::BAD_TRACEPARENT)]
fn refuse(text: &'static str) -> bool {
    least::refuse(black_box(text.as_bytes()))
}

#[library_benchmark]
#[bench::extract_traceparent(leak(input::request_with_traceparent()))]
fn extract_traceparent(headers: &'static HeaderMap) {
    black_box(least::extract_parent(black_box(headers)));
}

#[library_benchmark]
#[bench::extract_all_three(leak(input::request_with_w3c()))]
#[bench::extract_nothing(leak(input::request_without_trace()))]
fn extract_all_three(headers: &'static HeaderMap) {
    black_box(least::extract_all(black_box(headers)));
}

#[library_benchmark]
#[bench::extract_baggage_plain(leak(input::baggage_of_64(false)))]
#[bench::extract_baggage_encoded(leak(input::baggage_of_64(true)))]
fn extract_baggage(headers: &'static HeaderMap) {
    black_box(least::extract_baggage(black_box(headers)));
}

#[library_benchmark]
#[bench::extract_tracestate(leak(input::tracestate_of_32()))]
fn extract_tracestate(headers: &'static HeaderMap) {
    black_box(least::extract_tracestate(black_box(headers)));
}

#[library_benchmark]
#[bench::inject_traceparent(args = (input::request_with_traceparent,), setup = sent)]
#[bench::inject_all_three(args = (input::request_with_other_baggage,), setup = sent)]
fn inject((passed, headers): Sent) {
    least::inject_all(black_box(passed), black_box(headers));
}

#[library_benchmark]
#[bench::inject_into_new(args = (input::request_with_other_baggage,), setup = sent)]
fn inject_into_new((passed, _): Sent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    least::inject_all(black_box(passed), &mut headers);
    headers
}

#[library_benchmark]
#[bench::parse(traceparent())]
fn vector_parse(text: &'static str) -> Option<(u64, u64, u64)> {
    vectors::parse(black_box(text.as_bytes()))
}

#[library_benchmark]
#[bench::baggage_plain(baggage(false))]
#[bench::baggage_encoded(baggage(true))]
fn vector_class(text: &'static [u8]) -> bool {
    vectors::is_baggage(black_box(text))
}

#[library_benchmark]
#[bench::baggage_plain(baggage(false))]
fn compiled_class(text: &'static [u8]) -> bool {
    vectors::is_baggage_by_compiler(black_box(text))
}

library_benchmark_group!(
    name = floor,
    benchmarks = [
        parse,
        refuse,
        extract_traceparent,
        extract_all_three,
        extract_baggage,
        extract_tracestate,
        inject,
        inject_into_new,
    ]
);
library_benchmark_group!(name = vector, benchmarks = [vector_parse, vector_class, compiled_class]);

main!(library_benchmark_groups = floor, vector);

type Sent = (&'static least::Passed, &'static mut HeaderMap);

/// Into a map that has held a request already.
fn sent(headers: fn() -> HeaderMap) -> Sent {
    let passed = least::extract_all(&headers()).expect("there is a traceparent");
    let mut room = input::request_with_all();
    least::inject_all(&passed, &mut room);
    room.clear();
    (leak(passed), Box::leak(Box::new(room)))
}

// Setup also looks for what the processor can do, as it is done once per process.

fn traceparent() -> &'static str {
    let parsed = vectors::parse(input::TRACEPARENT.as_bytes()).map(|ids| ids.2);
    assert_eq!(parsed, Some(0xb7ad_6b71_6920_3331));
    assert_eq!(vectors::parse(input::BAD_TRACEPARENT.as_bytes()), None);
    input::TRACEPARENT
}

fn baggage(encoded: bool) -> &'static [u8] {
    let text = leak(input::baggage_of_64(encoded))["baggage"].as_bytes();
    assert!(vectors::is_baggage(text) && vectors::is_baggage_by_compiler(text));
    assert!(!vectors::is_baggage(&[text, b"\\"].concat()));
    text
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
