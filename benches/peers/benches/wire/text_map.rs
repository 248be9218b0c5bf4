//! The benches of a propagator of OpenTelemetry.

use gungraun::prelude::*;
use http::HeaderMap;

use crate::input;
use crate::work::{self, Received, Sent, all_three, refused, sent, trace_context};

// It has no function for the text alone: parsing is extracting.
#[library_benchmark]
#[bench::parse(args = (input::request_with_traceparent,), setup = trace_context)]
#[bench::refuse(args = (refused,), setup = trace_context)]
#[bench::extract_traceparent(args = (input::request_with_traceparent,), setup = trace_context)]
#[bench::extract_all_three(args = (input::request_with_w3c,), setup = all_three)]
#[bench::extract_nothing(args = (input::request_without_trace,), setup = all_three)]
#[bench::extract_baggage_plain(args = (|| input::baggage_of_64(false),), setup = all_three)]
#[bench::extract_baggage_encoded(args = (|| input::baggage_of_64(true),), setup = all_three)]
#[bench::extract_tracestate(args = (input::tracestate_of_32,), setup = trace_context)]
fn extract(received: Received) {
    work::extract(received);
}

#[library_benchmark]
#[bench::inject_traceparent(args = (input::request_with_traceparent, trace_context), setup = sent)]
#[bench::inject_all_three(args = (input::request_with_other_baggage, all_three), setup = sent)]
fn inject(sent: Sent) {
    work::inject(sent);
}

#[library_benchmark]
#[bench::inject_into_new(args = (input::request_with_other_baggage, all_three), setup = sent)]
fn inject_into_new(sent: Sent) -> HeaderMap {
    work::inject_into_new(sent)
}

library_benchmark_group!(name = text_map, benchmarks = [extract, inject, inject_into_new]);
