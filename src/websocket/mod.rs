//! Trace context inside WebSocket messages: per message, not per connection.
//!
//! An [`Envelope`] writes the context as the first members of a JSON text
//! (`{"_trace":{..},"_sentry":{..}, ..}`), reads it back, replaces or removes it. Everything else in
//! the text stays byte-identical, and a text that is not a JSON object is left alone.
//! [`TracedWebSocket`] does this for the messages of a stream.
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

#[cfg(feature = "websocket-connect")]
mod connect;
mod connection;
mod envelope;
mod frame;
mod halves;
mod handshake;
mod incoming;
mod message;
mod open_connections;
mod parent_digits;
mod query;
mod relay;
mod scan;
mod send_error;
mod socket_tracing;
mod stream;
mod subprotocol;
#[cfg(feature = "axum")]
mod upgrade;

#[cfg(feature = "websocket-connect")]
pub use connect::connect_traced;
pub use envelope::{Envelope, Placement};
pub use frame::Frame;
pub use halves::{ReceiveHalf, SendHalf};
pub use handshake::Dialing;
pub use incoming::Incoming;
pub use message::{Close, Message};
pub use query::QueryParameters;
pub use relay::{Relay, RelayMode};
pub use send_error::SendError;
pub use socket_tracing::SocketTracing;
pub use stream::TracedWebSocket;
pub use subprotocol::Subprotocol;
#[cfg(feature = "axum")]
pub use upgrade::WebSocketUpgradeExt;

/// The examples of the page are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/context-in-your-payload.md")]
struct ContextInYourPayload;
