//! From the API into the stream.

use std::error::Error as _;

use async_nats::jetstream;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use http::StatusCode;
use throughline::nats::TracedJetStream;

use crate::event::RunnerEvent;
use crate::event_stream::{EventStream, StreamAddress};
use crate::refusal::Refusal;
use crate::telemetry::Telemetry;

/// Publishes events, each in a PRODUCER span below the current context.
#[derive(Debug)]
pub(super) struct Publisher {
    stream: EventStream,
    jetstream: TracedJetStream,
}

impl Publisher {
    pub(super) async fn connect(
        address: &StreamAddress,
        telemetry: &Telemetry,
    ) -> anyhow::Result<Self> {
        let stream = address.connect("api").await?;
        let nats = telemetry.nats(&stream);
        Ok(Self { jetstream: nats.jetstream(stream.context().clone()), stream })
    }

    /// Makes one attempt. When this returns, the event is stored in the stream.
    pub(super) async fn publish(&self, event: &RunnerEvent, text: &str) -> Result<(), Refusal> {
        let message = PublishMessage::build().payload(Bytes::copy_from_slice(text.as_bytes()));
        // By its identity, the stream knows an event that it has stored before.
        let message = match event.seq {
            0 => message,
            seq => message.message_id(format!("{}/{seq}", event.ids.command_id)),
        };
        match self.send(event, message).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refusal(&error).await),
        }
    }

    async fn send(&self, event: &RunnerEvent, message: PublishMessage) -> Result<(), PublishError> {
        let subject = self.stream.subject(event.kind());
        self.jetstream.send_publish(subject, message).await?.await.map(drop)
    }

    async fn refusal(&self, error: &PublishError) -> Refusal {
        if is_too_large(error) {
            return Refusal {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                name: "too_large".to_owned(),
                reason: "the event is longer than the NATS server takes (max_payload)".to_owned(),
            };
        }
        if error.kind() == PublishErrorKind::StreamNotFound {
            // The server has lost it. If it cannot be created now, the next attempt tries again.
            let _ = self.stream.open().await;
        }
        Refusal::unavailable(format!("the stream did not store it: {error}"))
    }
}

/// Whether sending the event again cannot help.
fn is_too_large(error: &PublishError) -> bool {
    let answer = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    let answer = answer.map(jetstream::Error::error_code);
    error.kind() == PublishErrorKind::MaxPayloadExceeded
        || answer == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)
}
