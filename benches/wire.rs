//! Instructions that the wire formats cost, each with a budget: over it, the bench fails.
//!
//! The figures of OpenTelemetry, Datadog, Sentry and fastrace beside the budgets come from
//! `benches/peers`, on the same input. What a budget covers is in `benches/README.md`.
#![expect(missing_docs, reason = "the macros of the harness make public items")]
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]
#![expect(clippy::expect_used, reason = "the input is our own")]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use http::HeaderMap;
use throughline::context::{TraceContext, TraceParent};
use throughline::propagation::{Format, Propagator};

#[path = "wire/input.rs"]
mod input;

/// Instructions above which a bench fails.
fn budget(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

// Parse

// OpenTelemetry, from a map, 3,769 and 1,986; Datadog, from a map, 6,922 and 2,595; Sentry, its own
// header, 1,285 and 805; fastrace, which takes upper case too, 1,582.
#[library_benchmark]
#[bench::valid(args = (input::TRACEPARENT,), config = budget(350))]
#[bench::refused(args = (input::BAD_TRACEPARENT,), config = budget(150))]
fn parse_traceparent(text: &'static str) {
    let _ = black_box(black_box(text).parse::<TraceParent>());
}

// Extract

// OpenTelemetry 3,769; fastrace 2,242; Sentry, its own header, 12,504; Datadog 6,922.
#[library_benchmark(config = budget(800))]
#[bench::traceparent(args = (input::request_with_traceparent,), setup = received)]
fn extract_traceparent((propagator, headers): Received) {
    black_box(propagator.extract(black_box(headers)));
}

// OpenTelemetry 52,930; Datadog 68,218.
#[library_benchmark(config = budget(3_900))]
#[bench::w3c(args = (input::request_with_w3c,), setup = received)]
fn extract_all_three((propagator, headers): Received) {
    black_box(propagator.extract(black_box(headers)));
}

// OpenTelemetry 931; Datadog 973.
#[library_benchmark(config = budget(350))]
#[bench::default(args = (input::request_without_trace,), setup = received_by_default)]
fn extract_nothing((propagator, headers): Received) {
    black_box(propagator.extract(black_box(headers)));
}

// OpenTelemetry 305,212 and 363,007; Datadog 302,653 and 361,681.
#[library_benchmark(setup = received)]
#[bench::plain(args = (|| input::baggage_of_64(false),), config = budget(10_800))]
#[bench::encoded(args = (|| input::baggage_of_64(true),), config = budget(12_800))]
fn extract_baggage_of_64((propagator, headers): Received) {
    black_box(propagator.extract(black_box(headers)));
}

// OpenTelemetry 67,526; Datadog 138,653; fastrace, which copies it unread, 4,128.
#[library_benchmark(config = budget(8_900))]
#[bench::full(args = (input::tracestate_of_32,), setup = received)]
fn extract_tracestate_of_32((propagator, headers): Received) {
    black_box(propagator.extract(black_box(headers)));
}

// Inject

// OpenTelemetry 4,347; fastrace, the text alone, 2,951; Datadog 5,496.
#[library_benchmark(config = budget(950))]
#[bench::reused_map(args = (input::request_with_traceparent,), setup = sent)]
fn inject_traceparent((propagator, context, headers): Sent) {
    propagator.inject(black_box(context), black_box(headers));
}

// OpenTelemetry 22,547; Datadog 23,465.
#[library_benchmark(config = budget(1_500))]
#[bench::reused_map(args = (input::request_with_other_baggage,), setup = sent)]
fn inject_all_three((propagator, context, headers): Sent) {
    propagator.inject(black_box(context), black_box(headers));
}

// OpenTelemetry 22,502; Datadog 23,813.
#[library_benchmark(config = budget(1_800))]
#[bench::new_map(args = (input::request_with_other_baggage,), setup = sent)]
fn inject_all_three_into_new((propagator, context, _): Sent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    propagator.inject(black_box(context), &mut headers);
    headers
}

// All formats

// No peer reads and writes all of them.
#[library_benchmark(config = budget(6_500))]
#[bench::all(args = (input::request_with_all,), setup = passed_on)]
fn extract_and_inject_all((propagator, received, headers): PassedOn) {
    let found = propagator.extract(black_box(received));
    propagator.inject(&found.context, black_box(headers));
    black_box(found);
}

library_benchmark_group!(
    name = wire,
    benchmarks = [
        parse_traceparent,
        extract_traceparent,
        extract_all_three,
        extract_nothing,
        extract_baggage_of_64,
        extract_tracestate_of_32,
        inject_traceparent,
        inject_all_three,
        inject_all_three_into_new,
        extract_and_inject_all,
    ]
);

main!(library_benchmark_groups = wire);

// Setup leaks what it makes, so that no bench counts its drop, and does the work once: first
// allocations cost more than later ones, and so does the first search for a byte, which looks for
// what the processor can do.

type Received = (&'static Propagator, &'static HeaderMap);
type Sent = (&'static Propagator, &'static TraceContext, &'static mut HeaderMap);
type PassedOn = (&'static Propagator, &'static HeaderMap, &'static mut HeaderMap);

/// `traceparent`, `tracestate` and baggage, as the peers have them.
fn received(headers: fn() -> HeaderMap) -> Received {
    let w3c = [Format::TraceContext, Format::Baggage];
    warm((Propagator::default().accept(w3c).emit(w3c).forward_baggage(true), headers()))
}

/// `traceparent`, `tracestate`, `sentry-trace` and baggage.
fn received_by_default(headers: fn() -> HeaderMap) -> Received {
    warm((Propagator::default(), headers()))
}

fn sent(headers: fn() -> HeaderMap) -> Sent {
    let (propagator, headers) = received(headers);
    let context = propagator.extract(headers).context;
    (propagator, leak(context), with_room())
}

fn passed_on(headers: fn() -> HeaderMap) -> PassedOn {
    let (propagator, headers) = received_by_default(headers);
    (propagator, headers, with_room())
}

/// An empty map that has held a request already.
fn with_room() -> &'static mut HeaderMap {
    let mut headers = input::request_with_all();
    headers.clear();
    Box::leak(Box::new(headers))
}

fn warm((propagator, headers): (Propagator, HeaderMap)) -> Received {
    for _ in 0..2 {
        let context = propagator.extract(&headers).context;
        let mut sent = HeaderMap::new();
        propagator.inject(&context, &mut sent);
        black_box(sent);
    }
    (leak(propagator), leak(headers))
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
