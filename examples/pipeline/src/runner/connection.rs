//! The WebSocket to the broker: comes back when it breaks, and sends again what is not acknowledged.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderValue, StatusCode, Uri};
use throughline::websocket::{Envelope, Incoming, SocketTracing, TracedWebSocket};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;

use super::StartBuild;
use super::outbox::Outbox;
use crate::backoff::Backoff;
use crate::cli::RunnerOptions;
use crate::event::RunnerEvent;
use crate::limits::{CONNECT_TIMEOUT, HEARTBEAT, MAX_BROKER_MESSAGE_BYTES};
use crate::protocol::{ACKNOWLEDGED, BrokerMessage};
use crate::refusal::RefusalBody;

/// What is needed to connect, again and again.
pub(super) struct Connection {
    broker: Uri,
    authorization: Option<HeaderValue>,
    tracing: SocketTracing,
    commands: mpsc::Sender<StartBuild>,
}

type Socket = TracedWebSocket<WebSocketStream<MaybeTlsStream<TcpStream>>>;

impl Connection {
    pub(super) fn new(
        options: &RunnerOptions,
        envelope: Envelope,
        commands: mpsc::Sender<StartBuild>,
    ) -> anyhow::Result<Self> {
        let authorization = match &options.shared_secret {
            Some(secret) => Some(
                secret
                    .to_header()
                    .context("the shared secret has characters that no header can hold")?,
            ),
            None => None,
        };
        let broker = broker_url(&options.broker_url, options.on_command)?;
        // An event has the span of the build that it is about, whenever it is sent.
        let tracing = SocketTracing::new(envelope).propagate_only();
        Ok(Self { broker, authorization, tracing, commands })
    }

    /// Keeps connected until `hang_up`.
    ///
    /// # Errors
    /// If the broker will never take this runner.
    pub(super) async fn keep(
        self,
        outbox: Arc<Outbox>,
        hang_up: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut backoff = Backoff::default();
        let mut ask_for_acknowledgements = true;
        loop {
            let attempt = tokio::select! {
                attempt = self.connect(ask_for_acknowledgements) => attempt,
                () = hang_up.cancelled() => return Ok(()),
            };
            match attempt {
                Ok(socket) => {
                    backoff.reset();
                    outbox.rewind();
                    let ended = self.converse(socket, ask_for_acknowledgements, &outbox, &hang_up);
                    match ended.await {
                        Ok(()) if hang_up.is_cancelled() => return Ok(()),
                        Ok(()) => eprintln!("pipeline runner: the broker hung up; reconnecting"),
                        Err(error) => {
                            eprintln!(
                                "pipeline runner: the connection broke: {error}; reconnecting"
                            );
                        }
                    }
                }
                Err(ConnectError::NoAcknowledgements) => {
                    eprintln!(
                        "pipeline runner: the broker knows no acknowledgements; events count as \
                         delivered when they are sent"
                    );
                    ask_for_acknowledgements = false;
                    continue;
                }
                Err(ConnectError::Refused(reason)) => return Err(anyhow!(reason)),
                Err(ConnectError::Unreachable(reason)) => {
                    eprintln!("pipeline runner: the broker cannot be reached: {reason}");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.next()) => {}
                () = hang_up.cancelled() => return Ok(()),
            }
        }
    }

    async fn connect(&self, acknowledgements: bool) -> Result<Socket, ConnectError> {
        let unreachable = |reason: String| ConnectError::Unreachable(reason);
        let mut request = self
            .broker
            .clone()
            .into_client_request()
            .map_err(|error| ConnectError::Refused(error.to_string()))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        if acknowledgements {
            let protocol = HeaderValue::from_static(ACKNOWLEDGED);
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_BROKER_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_BROKER_MESSAGE_BYTES));
        let connecting = connect_async_with_config(request, Some(config), true);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok((socket, _))) => Ok(TracedWebSocket::new(socket, self.tracing.clone())),
            Ok(Err(error)) => Err(ConnectError::from(error)),
            Err(_) => Err(unreachable(format!("no answer within {CONNECT_TIMEOUT:?}"))),
        }
    }

    /// Sends what is in the outbox and takes what the broker says, until one of them is done.
    async fn converse(
        &self,
        mut socket: Socket,
        acknowledgements: bool,
        outbox: &Outbox,
        hang_up: &CancellationToken,
    ) -> Result<(), tungstenite::Error> {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                text = outbox.next() => {
                    socket.send(Message::Text(text)).await?;
                    if !acknowledgements {
                        outbox.acknowledge_sent();
                    }
                }
                incoming = socket.next() => match incoming {
                    Some(incoming) => self.take(incoming?, outbox),
                    None => return Ok(()),
                },
                _ = heartbeat.tick() => {
                    // No context, no span, and no acknowledgement to wait for.
                    socket.send(Message::text(RunnerEvent::heartbeat().to_json())).await?;
                }
                () = hang_up.cancelled() => {
                    // The broker may be gone already; there is nobody left to tell.
                    let _ = socket.close().await;
                    return Ok(());
                }
            }
        }
    }

    /// Follows a message of the broker. One that is not understood is left alone: brokers of other
    /// makes say other things.
    fn take(&self, incoming: Incoming<Message>, outbox: &Outbox) {
        let Some(Ok(message)) = incoming.decode::<BrokerMessage>() else { return };
        match message {
            BrokerMessage::Ack { command_id, seq } => outbox.acknowledge(&command_id, seq),
            BrokerMessage::Refused { command_id, seq, error, reason } => {
                eprintln!("pipeline runner: an event was refused ({error}): {reason}");
                if let (Some(command_id), Some(seq)) = (command_id, seq) {
                    outbox.refuse(&command_id, seq, &error);
                }
            }
            BrokerMessage::StartBuild { command_id, project_id } => {
                let caller = incoming.extraction.context;
                let command = StartBuild { command_id, project_id, caller };
                if self.commands.try_send(command).is_err() {
                    eprintln!("pipeline runner: a command was left out: too many are waiting");
                }
            }
        }
    }
}

/// Why there is no connection.
#[derive(Debug)]
enum ConnectError {
    /// The broker does not know the subprotocol; without it there may be a connection.
    NoAcknowledgements,
    /// Trying again cannot help.
    Refused(String),
    /// Trying again may help.
    Unreachable(String),
}

impl From<tungstenite::Error> for ConnectError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
                SubProtocolError::NoSubProtocol,
            )) => Self::NoAcknowledgements,
            tungstenite::Error::Http(response) => {
                let status = response.status();
                let body = response.body().as_deref().unwrap_or_default();
                let reason = serde_json::from_slice::<RefusalBody>(body).map(|body| body.reason);
                let reason = reason.unwrap_or_else(|_| "it gave no reason".to_owned());
                let text = format!("the broker answered {status}: {reason}");
                match status {
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                        Self::Refused(text)
                    }
                    _ => Self::Unreachable(text),
                }
            }
            tungstenite::Error::Url(_) => Self::Refused(error.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

/// The address with the path that a broker listens on, if none is given, and the wish for commands.
fn broker_url(url: &Uri, on_command: bool) -> anyhow::Result<Uri> {
    let (Some("ws"), Some(authority)) = (url.scheme_str(), url.authority()) else {
        anyhow::bail!("the broker's address must begin with ws://");
    };
    let path = if url.path() == "/" { "/ws/runner" } else { url.path() };
    let query = match (url.query(), on_command) {
        (None, false) => String::new(),
        (Some(query), false) => format!("?{query}"),
        (None, true) => "?commands=true".to_owned(),
        (Some(query), true) => format!("?{query}&commands=true"),
    };
    format!("ws://{authority}{path}{query}").parse().context("the broker's address cannot be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_path_gets_the_brokers() {
        let url = |text: &'static str, commands| {
            broker_url(&Uri::from_static(text), commands).unwrap().to_string()
        };
        assert_eq!(url("ws://h:1", false), "ws://h:1/ws/runner");
        assert_eq!(url("ws://h:1/own?a=1", true), "ws://h:1/own?a=1&commands=true");
        assert!(broker_url(&Uri::from_static("http://h"), false).is_err());
    }

    #[test]
    fn a_refusal_that_trying_again_cannot_cure_ends_the_runner() {
        let answer = |status: u16| {
            let body = br#"{"error":"unauthorized","reason":"send the secret"}"#.to_vec();
            let response = http::Response::builder().status(status).body(Some(body)).unwrap();
            ConnectError::from(tungstenite::Error::Http(Box::new(response)))
        };
        let ConnectError::Refused(reason) = answer(401) else { panic!("401 is final") };
        assert!(reason.contains("send the secret"), "{reason}");
        assert!(matches!(answer(503), ConnectError::Unreachable(_)));
    }
}
