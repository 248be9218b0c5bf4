use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Result};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{SocketTracing, Subprotocol, TracedWebSocket};
use crate::otel::error_type;

/// Opens a WebSocket as [`connect_async`] does, and tells the server the context:
/// [`SocketTracing::dial`], which also serves those who bring a stream or settings of their own. If the
/// request offers a [`Subprotocol`] with frames and the server takes it, binary messages have them.
///
/// This crate brings no TLS. For addresses with `wss`, depend on tokio-tungstenite 0.30 as well, with one
/// of its features for it, such as `rustls-tls-webpki-roots`; without, they are an error.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use throughline::websocket::{Envelope, connect_traced};
///
/// let (mut socket, _) = connect_traced("ws://127.0.0.1:4000/ws", Envelope::json()).await?;
/// socket.send_traced(&serde_json::json!({"type": "hello"})).await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// If there is no such server, or it refuses; the connection's span has failed then.
pub async fn connect_traced(
    request: impl IntoClientRequest,
    tracing: impl Into<SocketTracing>,
) -> Result<(TracedWebSocket<WebSocketStream<MaybeTlsStream<TcpStream>>>, Response)> {
    let mut request = request.into_client_request()?;
    let dialing = tracing.into().dial(&mut request);
    match connect_async(request).await {
        Ok((socket, response)) => {
            let agreed = Subprotocol::agreed(response.headers());
            Ok((dialing.connected(socket).agreed(agreed.as_ref()), response))
        }
        Err(Error::Http(response)) => {
            dialing.refused(response.status());
            Err(Error::Http(response))
        }
        Err(error) => {
            dialing.failed(error_type::<Error>());
            Err(error)
        }
    }
}
