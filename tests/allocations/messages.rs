//! How often a message allocates that is sent or processed, without its body and its headers.

use http::HeaderMap;
use opentelemetry::Context;
use throughline::messaging::{MessageView, Messaging};
use throughline::otel::ContextExt;
use throughline::propagation::Propagator;

use super::discarded::{tracer_provider, unsampled};
use super::{allocates, input};

fn messaging() -> Messaging {
    Messaging::new("kafka")
        .destination_template("orders.{id}")
        .tracer_provider(tracer_provider())
        .metrics(false)
}

fn message() -> MessageView<'static> {
    MessageView::new().destination("orders.42").body_bytes(12).id("7")
}

#[track_caller]
fn sending_allocates(budget: u64, messaging: &Messaging, headers: &HeaderMap) {
    let context = Propagator::default().extract(headers).context;
    let _current = Context::new().with_trace_context(context).attach();
    allocates(budget, || messaging.send(message()).succeeded());
}

#[track_caller]
fn processing_allocates(budget: u64, messaging: &Messaging, headers: &HeaderMap) {
    let found = Propagator::default().extract(headers);
    allocates(budget, || messaging.process(message(), &found).succeeded());
}

#[test]
fn without_spans_sending_allocates_nothing_and_processing_its_context() {
    let messaging = messaging().propagate_only();
    sending_allocates(0, &messaging, &input::request_with_traceparent());
    sending_allocates(0, &messaging, &input::request_without_trace());
    processing_allocates(4, &messaging, &input::request_with_traceparent());
    processing_allocates(0, &messaging, &input::request_without_trace());
}

#[test]
fn an_unsampled_span_allocates_neither_attribute_nor_string() {
    let headers = unsampled(input::request_with_traceparent());
    sending_allocates(2, &messaging(), &headers);
    processing_allocates(6, &messaging(), &headers);
}

#[test]
fn a_full_span_allocates_for_itself_its_name_and_three_texts() {
    let headers = input::request_with_traceparent();
    sending_allocates(6, &messaging(), &headers);
    processing_allocates(10, &messaging(), &headers);
}
