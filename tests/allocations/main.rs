//! How often the wire formats, the HTTP layers and messages allocate, with the same input as the
//! benches: each count is a budget.
//!
//! A binary of its own, since counting replaces the allocator. Only the thread that measures is
//! counted.

use allocation_counter::measure;
use http::HeaderMap;
use throughline::context::{TraceContext, TraceParent};
use throughline::propagation::Propagator;

use client_work::w3c;

#[cfg(test)]
mod client;
#[path = "../../benches/client/work.rs"]
mod client_work;
#[path = "../../benches/http/discarded.rs"]
mod discarded;
#[cfg(test)]
mod envelope;
#[expect(clippy::expect_used, reason = "the input is our own")]
#[path = "../../benches/wire/input.rs"]
mod input;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod server;
#[path = "../../benches/server/work.rs"]
mod server_work;
#[cfg(feature = "task")]
#[cfg(test)]
mod task;
#[expect(clippy::expect_used, reason = "the input is our own")]
#[path = "../../benches/websocket/texts.rs"]
mod texts;
#[expect(clippy::expect_used, reason = "the input is our own")]
#[path = "../../benches/websocket/work.rs"]
mod texts_work;
#[cfg(test)]
mod websocket;

#[track_caller]
fn allocates(budget: u64, work: impl FnMut()) {
    let mut work = work;
    // What is only done once per process is not counted.
    work();
    assert_eq!(measure(work).count_total, budget);
}

fn context(headers: &HeaderMap) -> TraceContext {
    let found = w3c().extract(headers);
    assert!(found.refused.is_empty());
    assert!(found.context.parent().is_some());
    found.context
}

#[test]
fn parsing_and_refusing_a_parent_allocates_nothing() {
    allocates(0, || assert!(input::TRACEPARENT.parse::<TraceParent>().is_ok()));
    allocates(0, || assert!(input::BAD_TRACEPARENT.parse::<TraceParent>().is_err()));
}

#[test]
fn extracting_from_headers_allocates_nothing() {
    let all = [
        (w3c(), input::request_with_traceparent()),
        (w3c(), input::request_with_w3c()),
        (w3c(), input::tracestate_of_32()),
        (w3c(), input::baggage_of_64(false)),
        (w3c(), input::baggage_of_64(true)),
        (Propagator::default(), input::request_with_all()),
        (Propagator::default(), input::request_without_trace()),
    ];
    for (propagator, headers) in all {
        assert!(propagator.extract(&headers).refused.is_empty());
        allocates(0, || drop(propagator.extract(&headers)));
    }
}

#[test]
fn injecting_allocates_once_and_a_new_map_twice_more() {
    let propagator = w3c();
    let parent = context(&input::request_with_traceparent());
    let all_three = context(&input::request_with_other_baggage());
    let mut headers = input::request_with_all();
    headers.clear();
    allocates(1, || {
        propagator.inject(&parent, &mut headers);
        headers.clear();
    });
    allocates(1, || {
        propagator.inject(&all_three, &mut headers);
        assert_eq!(headers.len(), 3);
        headers.clear();
    });
    allocates(3, || {
        let mut headers = HeaderMap::new();
        propagator.inject(&all_three, &mut headers);
    });
}

#[test]
fn passing_all_formats_on_allocates_once() {
    let propagator = Propagator::default();
    let received = input::request_with_all();
    let mut headers = received.clone();
    headers.clear();
    allocates(1, || {
        let found = propagator.extract(&received);
        propagator.inject(&found.context, &mut headers);
        assert_eq!(headers.len(), 4);
        headers.clear();
    });
}
