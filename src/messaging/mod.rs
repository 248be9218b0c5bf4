//! Spans and metrics of messages, after OpenTelemetry's
//! [messaging conventions](https://opentelemetry.io/docs/specs/semconv/messaging/) 1.42.
//!
//! A [`Messaging`] opens the `PRODUCER` span that a message is sent in and the `CONSUMER` span that it
//! is processed in; the context in between travels in the message, by a carrier of
//! [`propagation`](crate::propagation) or an `Envelope`. It knows no transport: it serves WebSockets,
//! queues and job tables alike.
//!
//! ```
//! use std::collections::BTreeMap;
//! use throughline::messaging::{MessageView, Messaging};
//! use throughline::propagation::Propagator;
//!
//! let messaging = Messaging::new("kafka").destination("orders");
//!
//! // The sender. What is dropped without an end counts as cancelled.
//! let body = "one lamp";
//! let sending = messaging.send(MessageView::new().body_bytes(body.len()));
//! let mut headers = BTreeMap::<String, String>::new();
//! Propagator::default().inject(&sending.context(), &mut headers);
//! // ... hand headers and body over to the broker
//! sending.succeeded();
//!
//! // The receiver, elsewhere.
//! let found = Propagator::default().extract(&headers);
//! let processing = messaging.process(MessageView::new().body_bytes(body.len()), &found);
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! processing.run(async { /* the current span is that of the message */ }).await;
//! # });
//! ```
//!
//! # What is recorded
//!
//! | span | kind | parent |
//! |---|---|---|
//! | `send {destination}` | `PRODUCER` | the current context |
//! | `process {destination}` | `CONSUMER` | the context of the message, a link to it, or both ([`ParentMode`]) |
//!
//! Both end exactly once. An error is what the caller calls one, a panic (`error.type=panic`), and what
//! is dropped before its end (`cancelled`): nobody knows then how far the message got.
//!
//! | metric | of |
//! |---|---|
//! | `messaging.client.sent.messages`, `messaging.client.operation.duration` | what was sent, or failed to be |
//! | `messaging.client.consumed.messages` | what was delivered, when its processing begins |
//! | `messaging.process.duration` | what was processed |
//! | `throughline.propagation.refused` | contexts, and members of them, that broke their format |
//!
//! Metrics name a destination only if [`Messaging::destination`] or
//! [`Messaging::destination_template`] did: that of a single message may be one of very many.

mod instrumentation;
mod instruments;
mod labels;
mod message_future;
mod message_view;
mod operation;
mod parent_mode;
mod processing;
mod role;
mod semconv;
mod sending;
mod settings;

pub use instrumentation::Messaging;
pub use message_future::MessageFuture;
pub use message_view::MessageView;
pub use parent_mode::ParentMode;
pub use processing::Processing;
#[cfg(any(feature = "nats", feature = "websocket"))]
pub(crate) use semconv::CONTEXT_OMITTED;
pub use sending::Sending;
