//! How often a message of a WebSocket allocates that is sent or received, above what its envelope does
//! for the text. The socket takes whatever it is given, and gives the same message again and again.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{self, Poll};

use allocation_counter::measure;
use futures_util::{FutureExt, Sink, Stream, StreamExt};
use http::HeaderMap;
use opentelemetry::Context;
use serde::{Deserialize, Serialize};
use throughline::context::TraceContext;
use throughline::messaging::Messaging;
use throughline::otel::ContextExt;
use throughline::propagation::Propagator;
use throughline::websocket::{Envelope, SocketTracing, TracedWebSocket};
use tokio_tungstenite::tungstenite::Message;

use super::discarded::{tracer_provider, unsampled};
use super::{allocates, input};

#[derive(Serialize, Deserialize)]
struct Event {
    number: u64,
}

struct Loop(Message);

impl Stream for Loop {
    type Item = Result<Message, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(self.0.clone())))
    }
}

impl Sink<Message> for Loop {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), Infallible> {
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

fn tracing() -> SocketTracing {
    let events = Messaging::new("websocket").destination("events").metrics(false);
    SocketTracing::new(Envelope::json()).messaging(events.tracer_provider(tracer_provider()))
}

fn received(headers: &HeaderMap) -> Context {
    Context::new().with_trace_context(Propagator::default().extract(headers).context)
}

#[track_caller]
fn sending_allocates(budget: u64, tracing: SocketTracing, headers: &HeaderMap) {
    let mut socket = TracedWebSocket::new(Loop(Message::text("")), tracing);
    // Only the messages are below it: the connection has a span that they link to.
    let _current = received(headers).attach();
    let context = TraceContext::current();
    let encode = || drop(socket.envelope().encode_with(&Event { number: 7 }, &context));
    encode();
    let text = measure(encode).count_total;
    allocates(budget + text, || {
        socket.send_traced(&Event { number: 7 }).now_or_never().unwrap().unwrap();
    });
}

#[track_caller]
fn receiving_allocates(budget: u64, tracing: SocketTracing, headers: &HeaderMap) {
    let context = received(headers).trace_context();
    let text = Envelope::json().encode_with(&Event { number: 7 }, &context).unwrap();
    let envelope = Envelope::json();
    let bare = measure(|| drop(envelope.decode::<Event>(&text))).count_total;
    let mut socket = TracedWebSocket::new(Loop(Message::text(text.clone())), tracing);
    allocates(budget + bare, || {
        let Ok(incoming) = socket.next().now_or_never().unwrap().unwrap();
        let work = incoming.in_span(async |event: Event| event.number);
        assert_eq!(work.now_or_never().unwrap().unwrap(), Some(7));
    });
}

#[test]
fn without_spans_a_message_allocates_for_being_kept_and_a_received_one_its_context() {
    sending_allocates(1, tracing().propagate_only(), &input::request_without_trace());
    sending_allocates(1, tracing().propagate_only(), &input::request_with_traceparent());
    receiving_allocates(0, tracing().propagate_only(), &input::request_without_trace());
    receiving_allocates(4, tracing().propagate_only(), &input::request_with_traceparent());
}

#[test]
fn an_unsampled_message_allocates_neither_attribute_nor_string() {
    let headers = unsampled(input::request_with_traceparent());
    sending_allocates(4, tracing(), &headers);
    receiving_allocates(7, tracing(), &headers);
}

#[test]
fn a_full_span_allocates_for_itself_its_name_and_its_link() {
    let headers = input::request_with_traceparent();
    sending_allocates(6, tracing(), &headers);
    receiving_allocates(9, tracing(), &headers);
}

#[test]
fn what_is_no_text_allocates_nothing() {
    let mut socket = TracedWebSocket::new(Loop(Message::Ping("{}".into())), tracing());
    allocates(0, || drop(socket.next().now_or_never()));
}
