//! Trace context inside WebSocket messages: per message, not per connection.
//!
//! An [`Envelope`] writes the context as the first members of a JSON text
//! (`{"_trace":{..},"_sentry":{..}, ..}`), reads it back, replaces or removes it. Everything else in
//! the text stays byte-identical, and a text that is not a JSON object is left alone.
//! [`TracedWebSocket`] does this for the messages of a socket, in spans of their own: see
//! [below](#spans). A [`Relay`] passes messages on with its own span as the parent. Binary messages have
//! their context in a [`Frame`], once both ends have agreed on that [`Subprotocol`].
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use throughline::context::{TraceContext, TraceParent};
//! use throughline::websocket::Envelope;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Event { kind: String }
//!
//! let parent: TraceParent =
//!     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
//! let envelope = Envelope::json();
//! let event = Event { kind: "started".into() };
//! let text = envelope.encode_with(&event, &TraceContext::from(parent)).unwrap();
//! assert!(text.starts_with(r#"{"_trace":{"traceparent":"00-0af7"#));
//!
//! let (event, found) = envelope.decode::<Event>(&text).unwrap();
//! assert_eq!(event.kind, "started");
//! assert_eq!(found.context.parent(), Some(&parent));
//! ```
//!
//! # Spans
//!
//! A [`TracedWebSocket`] opens a `PRODUCER` span for each event that it sends, and a `CONSUMER` span for
//! each that is worked on with [`Incoming::in_span`], by the rules of [`messaging`](crate::messaging).
//! [`SocketTracing`] says whose spans and metrics they are, or that there are none.
//!
//! ```
//! use futures_util::StreamExt;
//! use serde_json::{Value, json};
//! use throughline::messaging::Messaging;
//! use throughline::websocket::{Envelope, SocketTracing, TracedWebSocket};
//! use throughline_testkit::{InMemorySpans, websocket};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let spans = InMemorySpans::for_service("runner");
//! let events = Messaging::new("websocket").destination("events");
//! let tracing = SocketTracing::new(Envelope::json())
//!     .messaging(events.tracer_provider(spans.provider()))
//!     .connection_span(false);
//!
//! let (client, server) = websocket::pair().await;
//! let mut client = TracedWebSocket::new(client, tracing.clone());
//! let mut server = TracedWebSocket::new(server, tracing);
//! client.send_traced(&json!({"kind": "started"})).await.unwrap();
//! let incoming = server.next().await.unwrap().unwrap();
//! let work = async |event: Value| assert_eq!(event, json!({"kind": "started"}));
//! incoming.in_span(work).await.unwrap();
//! insta::assert_snapshot!(spans.tree(), @r"
//! runner  send events  PRODUCER
//! runner    process events  CONSUMER
//! ");
//! # });
//! ```
//!
//! The connection has a span too, which ends with it; messages link to it and are not its children
//! (rule MS-6). Its own context comes with the handshake: [`SocketTracing::dial`] and `connect_traced` say
//! it to a server, [`SocketTracing::caller`] reads it from headers and [`QueryParameters`],
//! [`TracedWebSocket::receive_context`] from a first message, and `WebSocketUpgradeExt` keeps what axum
//! knows of it.
//!
//! | attribute of `connection` | what |
//! |---|---|
//! | `websocket.close.code`, `websocket.close.reason` | of the first close frame, sent or received |
//! | `websocket.messages.sent`, `websocket.messages.received` | texts and binary messages |
//! | `error.type` | of what broke it; a status if the handshake was refused |

mod envelope;
mod frame;
mod message;
mod parent_digits;
mod relay;
mod scan;
mod socket;
mod subprotocol;
mod written;

pub use envelope::{Envelope, Placement};
pub use frame::Frame;
pub use message::{Close, Message};
pub use relay::{Relay, RelayMode};
#[cfg(feature = "axum")]
pub use socket::WebSocketUpgradeExt;
#[cfg(feature = "websocket-connect")]
pub use socket::connect_traced;
pub use socket::{
    Dialing, Incoming, QueryParameters, ReceiveHalf, SendError, SendHalf, SocketTracing,
    TracedWebSocket,
};
pub use subprotocol::Subprotocol;

/// The examples of the page are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/context-in-your-payload.md")]
struct ContextInYourPayload;
