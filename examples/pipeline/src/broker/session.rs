//! One runner's connection.

use std::sync::Arc;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use throughline::websocket::{Incoming, SocketTracing, TracedWebSocket};
use tokio::sync::mpsc;

use super::Broker;
use super::forward::{Job, forward_all};
use crate::event::{EventRefused, RunnerEvent};
use crate::limits::{BROKER_QUEUE, MAX_RUNNER_MESSAGE_BYTES};
use crate::protocol::BrokerMessage;

/// Takes a runner's events until either side hangs up.
///
/// The runner's events are forwarded one after the other, so that the API sees them in their order.
/// If the API does not keep up, the connection is not read: the runner notices, and waits.
pub(super) async fn run(broker: Arc<Broker>, socket: WebSocket, takes_commands: bool) {
    let acknowledges = socket.protocol().is_some();
    // An event's span begins when it is its turn, in its order.
    let tracing = SocketTracing::new(broker.relay.envelope().clone()).propagate_only();
    let mut socket = TracedWebSocket::new(socket, tracing);
    let mut commands = if takes_commands { broker.waiting.join() } else { None };
    let (jobs, queue) = mpsc::channel(BROKER_QUEUE);
    let (replies, mut answered) = mpsc::channel(BROKER_QUEUE);
    let forwarding = tokio::spawn(forward_all(Arc::clone(&broker), queue, replies));

    let session = Session { broker: &broker, jobs };
    let ended = loop {
        tokio::select! {
            incoming = session.receive(&mut socket) => match incoming {
                Received::Job => {}
                Received::Refused(reply) if acknowledges => {
                    if send(&mut socket, &reply).await.is_err() {
                        break Ended::Gone;
                    }
                }
                Received::Refused(_) => {}
                Received::End => break Ended::Gone,
            },
            Some(reply) = answered.recv() => {
                if acknowledges && send(&mut socket, &reply).await.is_err() {
                    break Ended::Gone;
                }
            }
            Some(text) = next_command(&mut commands) => {
                if socket.send(Message::Text(text.into())).await.is_err() {
                    break Ended::Gone;
                }
            }
            () = broker.stop.cancelled() => break Ended::Stopping,
        }
    };

    drop(session);
    match ended {
        // What is not acknowledged comes again on the runner's next connection.
        Ended::Gone if acknowledges => forwarding.abort(),
        // Nobody will send it again: post what has been taken. The replies have no reader any more.
        Ended::Gone => {
            drop(answered);
            let _ = forwarding.await;
        }
        Ended::Stopping => {
            while let Some(reply) = answered.recv().await {
                if acknowledges && send(&mut socket, &reply).await.is_err() {
                    break;
                }
            }
            let frame = CloseFrame { code: close_code::AWAY, reason: "the broker stops".into() };
            // The runner may have hung up already.
            let _ = socket.send(Message::Close(Some(frame))).await;
        }
    }
}

enum Ended {
    Gone,
    Stopping,
}

struct Session<'a> {
    broker: &'a Broker,
    jobs: mpsc::Sender<Job>,
}

enum Received {
    Job,
    Refused(BrokerMessage),
    End,
}

impl Session<'_> {
    /// Takes the next message, once there is room for it. Safe to cancel: nothing has been taken
    /// before the message is there.
    async fn receive(&self, socket: &mut TracedWebSocket<WebSocket>) -> Received {
        let Ok(room) = self.jobs.reserve().await else { return Received::End };
        let incoming = match socket.next().await {
            Some(Ok(incoming)) => incoming,
            Some(Err(error)) => {
                self.count_too_large(&error);
                return Received::End;
            }
            None => return Received::End,
        };
        match self.take(incoming) {
            Some(Ok(job)) => room.send(job),
            Some(Err(refused)) => return Received::Refused(refused),
            None => {}
        }
        Received::Job
    }

    /// A message over [`MAX_RUNNER_MESSAGE_BYTES`] cannot be skipped, so its connection ends; it is
    /// counted like every other event that is not taken.
    fn count_too_large(&self, error: &axum::Error) {
        // The type behind it belongs to axum's own version of tungstenite.
        if error.to_string().contains("Message too long") {
            self.broker.count_refused(EventRefused::TooLarge.name());
            eprintln!(
                "pipeline broker: a runner was let go: its message is longer than \
                 {MAX_RUNNER_MESSAGE_BYTES} bytes"
            );
        }
    }

    /// An event to forward, or why it is refused. Nothing for messages that are no text.
    fn take(&self, incoming: Incoming<Message>) -> Option<Result<Job, BrokerMessage>> {
        let Message::Text(text) = &incoming.message else { return None };
        match RunnerEvent::parse(text) {
            Ok(event) => {
                Some(Ok(Job { event, text: text.clone(), extraction: incoming.extraction }))
            }
            Err(refused) => {
                self.broker.count_refused(refused.name());
                eprintln!("pipeline broker: an event was refused: {refused}");
                Some(Err(refusal(text, refused)))
            }
        }
    }
}

/// Names the refused event by what can be read of it, so that its sender can give it up.
fn refusal(text: &str, refused: EventRefused) -> BrokerMessage {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        command_id: Option<String>,
        seq: Option<u64>,
    }
    let Identity { command_id, seq } = serde_json::from_str(text).unwrap_or_default();
    BrokerMessage::Refused {
        command_id,
        seq,
        error: refused.name().to_owned(),
        reason: refused.to_string(),
    }
}

async fn send(
    socket: &mut TracedWebSocket<WebSocket>,
    message: &BrokerMessage,
) -> Result<(), axum::Error> {
    let text = serde_json::to_string(message).map_err(axum::Error::new)?;
    socket.send(Message::Text(text.into())).await
}

/// The next command for this runner; pending for ever if it takes none.
async fn next_command(commands: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match commands {
        Some(commands) => commands.recv().await,
        None => std::future::pending().await,
    }
}
