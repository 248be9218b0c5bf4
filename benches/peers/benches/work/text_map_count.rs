//! The allocations of a propagator of OpenTelemetry.

use http::HeaderMap;

use crate::count::count;
use crate::input;
use crate::work::{self, Received, all_three, refused, sent, trace_context};

pub(crate) fn text_map() {
    type Row = (&'static str, fn() -> HeaderMap, fn(fn() -> HeaderMap) -> Received);
    let extracted: [Row; 8] = [
        ("parse", input::request_with_traceparent, trace_context),
        ("refuse", refused, trace_context),
        ("extract_traceparent", input::request_with_traceparent, trace_context),
        ("extract_all_three", input::request_with_w3c, all_three),
        ("extract_nothing", input::request_without_trace, all_three),
        ("extract_baggage_plain", || input::baggage_of_64(false), all_three),
        ("extract_baggage_encoded", || input::baggage_of_64(true), all_three),
        ("extract_tracestate", input::tracestate_of_32, trace_context),
    ];
    for (id, headers, receive) in extracted {
        count("text_map", id, || receive(headers), work::extract);
    }
    let injected: [Row; 2] = [
        ("inject_traceparent", input::request_with_traceparent, trace_context),
        ("inject_all_three", input::request_with_other_baggage, all_three),
    ];
    for (id, headers, receive) in injected {
        count("text_map", id, || sent(headers, receive), work::inject);
    }
    let new = || sent(input::request_with_other_baggage, all_three);
    count("text_map", "inject_into_new", new, work::inject_into_new);
}
