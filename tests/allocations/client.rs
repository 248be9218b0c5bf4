//! How often the client layer allocates for one request from a handler, with the two that the
//! request's own header map costs.

use http::HeaderMap;
use throughline::http::ClientLayer;
use tower::Layer;

use super::client_work::{Bare, inside, send, spans, uri, w3c};
use super::discarded::unsampled;
use super::{allocates, input};

/// The handler's own request had these headers.
#[track_caller]
fn a_call_allocates(budget: u64, layer: &ClientLayer, headers: &HeaderMap) {
    let _current = inside(headers).attach();
    let (mut service, uri) = (layer.layer(Bare), uri());
    allocates(budget, || send(&mut service, &uri));
}

#[test]
fn a_call_without_spans_allocates_once_more_than_no_layer() {
    let uri = uri();
    allocates(2, || send(&mut Bare, &uri));
    let layer = ClientLayer::propagate_only();
    a_call_allocates(3, &layer, &input::request_with_traceparent());
    a_call_allocates(3, &layer, &input::request_with_all());
    a_call_allocates(3, &layer.clone().propagation(w3c()), &input::request_with_other_baggage());
    a_call_allocates(2, &layer, &input::request_without_trace());
}

#[test]
fn a_call_with_a_span_allocates_five_times_more_than_no_layer() {
    let layer = spans();
    a_call_allocates(7, &layer, &input::request_with_traceparent());
    a_call_allocates(5, &layer, &unsampled(input::request_with_traceparent()));
    // OpenTelemetry clones a mirrored tracestate of three, seven allocations each time, thrice.
    a_call_allocates(28, &layer, &input::request_with_all());
}

#[test]
fn metrics_allocate_their_own_place() {
    let layer = spans().metrics(true);
    a_call_allocates(6, &layer, &unsampled(input::request_with_traceparent()));
    a_call_allocates(8, &layer, &input::request_with_traceparent());
}
