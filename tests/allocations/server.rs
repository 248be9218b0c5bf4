//! How often the server layer allocates around a service that does nothing. The request is there
//! beforehand, with an extension, as hyper and axum hand it over; a request without any costs two
//! more where a span is made.

use allocation_counter::measure;
use http::HeaderMap;
use throughline::http::ServerLayer;
use tower::Layer;

use super::discarded::unsampled;
use super::input;
use super::server_work::{Bare, drive, request, spans};

#[track_caller]
fn allocates(budget: u64, layer: ServerLayer, headers: HeaderMap) {
    let mut service = layer.layer(Bare);
    for _ in 0..2 {
        drive(&mut service, request(headers.clone()));
    }
    let mut request = Some(request(headers));
    let counted = measure(|| drive(&mut service, request.take().expect("it runs once")));
    assert_eq!(counted.count_total, budget);
}

#[test]
fn a_full_span_allocates_for_itself_its_attributes_and_what_came_in() {
    allocates(9, spans(), input::request_with_traceparent());
    allocates(9, spans().mirror_trace_state(false), input::request_with_all());
    // OpenTelemetry's form of a tracestate, three times over.
    allocates(37, spans(), input::request_with_all());
    allocates(8, spans(), input::request_without_trace());
}

#[test]
fn an_unsampled_span_allocates_neither_attribute_nor_string() {
    allocates(6, spans(), unsampled(input::request_with_traceparent()));
}

#[test]
fn metrics_allocate_their_own_place_and_the_route() {
    let measured = || spans().metrics(true);
    allocates(7, measured(), unsampled(input::request_with_traceparent()));
    allocates(10, measured(), input::request_with_traceparent());
}

#[test]
fn propagation_alone_allocates_for_what_came_in_and_nothing_without_it() {
    allocates(4, ServerLayer::propagate_only(), input::request_with_all());
    allocates(0, ServerLayer::propagate_only(), input::request_without_trace());
}
