//! The two ends of a WebSocket, without a port.
//!
//! ```
//! use futures_util::{SinkExt, StreamExt};
//! use throughline_testkit::{Caller, Sdk, websocket};
//! use tokio_tungstenite::tungstenite::Message;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let (mut runner, mut broker) = websocket::pair().await;
//! let text = Caller::new(Sdk::SentryJs).last_in(r#"{"type":"build-stream"}"#);
//! runner.send(Message::text(text)).await.unwrap();
//! assert!(broker.next().await.unwrap().unwrap().to_text().unwrap().contains("_sentry"));
//! # });
//! ```

use tokio::io::{DuplexStream, duplex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::limits::PIPE_BYTES;

/// One end: real frames, masks, pings and closing over a pipe in memory.
///
/// ```
/// use throughline_testkit::websocket::{Socket, pair};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (client, _server): (Socket, Socket) = pair().await;
/// # drop(client);
/// # });
/// ```
pub type Socket = WebSocketStream<DuplexStream>;

/// A client and the server's end of its connection, after the handshake.
///
/// A sender that is [`PIPE_BYTES`] ahead of its receiver waits, as with a full socket.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (client, server) = throughline_testkit::websocket::pair().await;
/// # drop((client, server));
/// # });
/// ```
pub async fn pair() -> (Socket, Socket) {
    let (client, server) = duplex(PIPE_BYTES);
    (
        WebSocketStream::from_raw_socket(client, Role::Client, None).await,
        WebSocketStream::from_raw_socket(server, Role::Server, None).await,
    )
}
