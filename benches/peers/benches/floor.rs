//! How little the rows of the wire formats can cost: what `../../wire.rs` does, without the checks that
//! make it safe to use.
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]
#![expect(dead_code, reason = "the peers need more of the input")]

use std::hint::black_box;

use gungraun::prelude::*;
use http::HeaderMap;

#[path = "../../wire/input.rs"]
mod input;
#[path = "floor/least.rs"]
mod least;

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
#[bench::extract_traceparent(least::received(input::request_with_traceparent()))]
fn extract_traceparent(headers: &'static HeaderMap) {
    black_box(least::extract_parent(black_box(headers)));
}

#[library_benchmark]
#[bench::extract_all_three(least::received(input::request_with_w3c()))]
#[bench::extract_nothing(least::received(input::request_without_trace()))]
fn extract_all_three(headers: &'static HeaderMap) {
    black_box(least::extract_all(black_box(headers)));
}

#[library_benchmark]
#[bench::extract_baggage_plain(least::received(input::baggage_of_64(false)))]
#[bench::extract_baggage_encoded(least::received(input::baggage_of_64(true)))]
fn extract_baggage(headers: &'static HeaderMap) {
    black_box(least::extract_baggage(black_box(headers)));
}

#[library_benchmark]
#[bench::extract_tracestate(least::received(input::tracestate_of_32()))]
fn extract_tracestate(headers: &'static HeaderMap) {
    black_box(least::extract_tracestate(black_box(headers)));
}

#[library_benchmark]
#[bench::inject_traceparent(args = (input::request_with_traceparent,), setup = least::sent)]
#[bench::inject_all_three(args = (input::request_with_other_baggage,), setup = least::sent)]
fn inject((passed, headers): least::Sent) {
    least::inject_all(black_box(passed), black_box(headers));
}

#[library_benchmark]
#[bench::inject_into_new(args = (input::request_with_other_baggage,), setup = least::sent)]
fn inject_into_new((passed, _): least::Sent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    least::inject_all(black_box(passed), &mut headers);
    headers
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
main!(library_benchmark_groups = floor);
