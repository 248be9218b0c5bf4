//! Traced sockets: what they send and receive, their one connection, and its handshake.

use super::{Envelope, Frame, Message, Subprotocol};

#[cfg(feature = "websocket-connect")]
mod connect;
mod connection;
mod halves;
mod handshake;
mod incoming;
mod open_connections;
mod query;
mod send_error;
mod stream;
mod tracing;
#[cfg(feature = "axum")]
mod upgrade;

#[cfg(feature = "websocket-connect")]
pub use connect::connect_traced;
pub use halves::{ReceiveHalf, SendHalf};
pub use handshake::Dialing;
pub use incoming::Incoming;
pub use query::QueryParameters;
pub use send_error::SendError;
pub use stream::TracedWebSocket;
pub use tracing::SocketTracing;
#[cfg(feature = "axum")]
pub use upgrade::WebSocketUpgradeExt;
