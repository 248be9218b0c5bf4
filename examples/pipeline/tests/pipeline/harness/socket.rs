//! A runner of another make: a WebSocket, and what is written to it by hand.

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::within;

/// A connection to a broker.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects, and asks for acknowledgements.
    pub(crate) async fn acknowledged(broker: &str) -> Self {
        Self::connect(broker, &[("sec-websocket-protocol", "throughline.ack.v1")]).await.unwrap()
    }

    /// Connects as runners do that know no acknowledgements.
    pub(crate) async fn plain(broker: &str) -> Self {
        Self::connect(broker, &[]).await.unwrap()
    }

    pub(crate) async fn connect(
        broker: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Error>> {
        Self::open(&format!("{broker}/ws/runner"), headers).await
    }

    pub(crate) async fn open(
        url: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Box<Error>> {
        let url = url.replacen("http://", "ws://", 1);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let (socket, _) = within("a handshake", connect_async(request)).await.map_err(Box::new)?;
        Ok(Self(socket))
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        within("room for a message", self.0.send(message.into())).await.unwrap();
    }

    pub(crate) async fn send_event(&mut self, event: &Value) {
        self.send(event.to_string()).await;
    }

    /// The next message, whatever it is.
    pub(crate) async fn next(&mut self) -> Message {
        within("a message", self.0.next()).await.unwrap().unwrap()
    }

    /// The next message, which is JSON.
    pub(crate) async fn answer(&mut self) -> Value {
        let message = self.next().await;
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    /// Sends a message that the other side does not take: it hangs up.
    pub(crate) async fn send_and_lose(mut self, message: Vec<u8>) {
        // The other side may hang up before it has read all.
        let _ = within("room for a message", self.0.send(Message::binary(message))).await;
        while let Some(Ok(_)) = within("the end of a connection", self.0.next()).await {}
    }

    /// Says goodbye, and reads until the other side has done so too.
    pub(crate) async fn close(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) = within("the end of a connection", self.0.next()).await {}
    }
}
