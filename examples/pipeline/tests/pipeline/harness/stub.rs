//! A broker of another make, in the test.

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

use super::within;

/// Listens for runners.
pub(crate) struct Stub {
    listener: TcpListener,
}

/// One runner's connection.
pub(crate) struct StubSession {
    socket: WebSocketStream<TcpStream>,
}

impl Stub {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.listener.local_addr().unwrap())
    }

    /// Takes the next runner and agrees to acknowledge.
    pub(crate) async fn acknowledging(&self) -> StubSession {
        #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
        let agree = |request: &Request, mut response: Response| -> Result<_, ErrorResponse> {
            let asked = request.headers()[SEC_WEBSOCKET_PROTOCOL].clone();
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, asked);
            Ok(response)
        };
        let handshake = accept_hdr_async(self.accept().await, agree);
        StubSession { socket: within("a handshake", handshake).await.unwrap() }
    }

    /// Takes the next runner as a broker does that knows no subprotocol.
    pub(crate) async fn plain(&self) -> StubSession {
        let handshake = accept_async(self.accept().await);
        StubSession { socket: within("a handshake", handshake).await.unwrap() }
    }

    /// Refuses the next runner for good.
    pub(crate) async fn refuse(&self) {
        #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
        let refuse = |_: &Request, _: Response| -> Result<Response, ErrorResponse> {
            let reason = r#"{"error":"unauthorized","reason":"the secret has changed"}"#;
            let answer = http::Response::builder().status(StatusCode::UNAUTHORIZED);
            Err(answer.body(Some(reason.to_owned())).unwrap())
        };
        let handshake = accept_hdr_async(self.accept().await, refuse);
        assert!(within("a handshake", handshake).await.is_err());
    }

    async fn accept(&self) -> TcpStream {
        within("a runner", self.listener.accept()).await.unwrap().0
    }
}

impl StubSession {
    /// The next event that is no heartbeat; none when the runner has hung up.
    pub(crate) async fn event(&mut self) -> Option<String> {
        loop {
            match within("an event", self.socket.next()).await? {
                Ok(Message::Text(text)) if !text.contains("runner-heartbeat") => {
                    return Some(text.as_str().to_owned());
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Waits until the runner has read what was said to it so far.
    pub(crate) async fn ping(&mut self) {
        self.socket.send(Message::Ping(Bytes::new())).await.unwrap();
        loop {
            let message = within("a pong", self.socket.next()).await.unwrap().unwrap();
            if message.is_pong() {
                return;
            }
        }
    }

    /// Acknowledges an event.
    pub(crate) async fn acknowledge(&mut self, event: &str) {
        let event: Value = serde_json::from_str(event).unwrap();
        let (id, seq) = (&event["commandId"], &event["seq"]);
        let ack = serde_json::json!({"type": "ack", "commandId": id, "seq": seq});
        self.say(&ack.to_string()).await;
    }
}
