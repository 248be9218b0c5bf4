//! Events from the stream: each is committed first, and acknowledged then.

use std::sync::Arc;

use anyhow::anyhow;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use throughline::nats::Nats;
use tokio_util::sync::CancellationToken;

use super::Persistence;
use crate::backoff::Backoff;
use crate::event::{EventRefused, RunnerEvent};
use crate::event_stream::{EventStream, StreamAddress, wait_before_redelivery};
use crate::limits::{FIRST_OWN_SEQ, STREAM_HEARTBEAT, STREAM_PULL};
use crate::telemetry::Telemetry;

/// Takes events out of the stream, one at a time.
///
/// The database commits one at a time too, and what is under way when the process dies has to wait
/// until the server misses its acknowledgement.
pub(super) struct Intake {
    persistence: Arc<Persistence>,
    stream: EventStream,
    /// Of messages that are no events.
    nats: Nats,
    /// Of events, whose CONSUMER span is that of the [`processor`](super::processor): one is enough.
    passing_on: Nats,
}

impl Intake {
    /// Connects to the stream.
    ///
    /// # Errors
    /// If the stream or its consumer cannot be had.
    pub(super) async fn connect(
        address: &StreamAddress,
        persistence: &Arc<Persistence>,
        telemetry: &Telemetry,
    ) -> anyhow::Result<Self> {
        let stream = address.connect("persistence").await?;
        stream.consumer().await.map_err(|error| anyhow!("{NO_CONSUMER}: {error}"))?;
        let nats = telemetry.nats(&stream);
        let passing_on = nats.clone().propagate_only();
        Ok(Self { persistence: Arc::clone(persistence), stream, nats, passing_on })
    }

    /// Takes events until `stop`. The one that is under way then is finished.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::default();
        while let Err(error) = self.take_all(&stop).await {
            let wait = backoff.next();
            eprintln!("pipeline persistence: no events come, again in {wait:.1?}: {error}");
            stop.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
        self.stream.flush().await;
    }

    async fn take_all(&self, stop: &CancellationToken) -> Result<(), async_nats::Error> {
        let Some(consumer) = stop.run_until_cancelled(self.stream.consumer()).await else {
            return Ok(());
        };
        let consumer = consumer?;
        let pulling = consumer.stream().max_messages_per_batch(1);
        let mut messages =
            pulling.expires(STREAM_PULL).heartbeat(STREAM_HEARTBEAT).messages().await?;
        let mut backoff = Backoff::default();
        while let Some(message) = stop.run_until_cancelled(messages.next()).await {
            let message = message.ok_or("the server has ended the delivery")??;
            match self.take(&message, consumer.cached_info().config.max_deliver).await {
                AckKind::Nak(_) => {
                    // What fails for one event mostly fails for the next: it keeps its deliveries.
                    stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await;
                }
                _ => backoff.reset(),
            }
        }
        Ok(())
    }

    /// Takes one message, and tells the server what became of it.
    async fn take(&self, message: &Message, max_deliveries: i64) -> AckKind {
        let verdict = match read(message) {
            Ok(event) => self.persist(message, &event, max_deliveries).await,
            Err(refused) => {
                self.nats.process(message).failed(refused.name());
                self.give_up(refused.name(), &refused.to_string())
            }
        };
        if let Err(error) = message.ack_with(verdict).await {
            // It comes again then, and the ledger knows it.
            eprintln!("pipeline persistence: a message was not acknowledged: {error}");
        }
        verdict
    }

    async fn persist(&self, message: &Message, event: &RunnerEvent, max: i64) -> AckKind {
        let persisting = self.passing_on.process(message).run(self.persistence.persist(event));
        let Err(error) = persisting.await else { return AckKind::Ack };
        if !error.is_retryable() {
            return self.give_up(error.name(), &error.to_string());
        }
        let delivered = message.info().map_or(1, |info| info.delivered);
        if max > 0 && delivered >= max {
            return self.give_up("undeliverable", &format!("it failed {delivered} times"));
        }
        AckKind::Nak(Some(wait_before_redelivery(delivered)))
    }

    /// Removes a message from the stream that no delivery can help.
    fn give_up(&self, name: &str, reason: &str) -> AckKind {
        eprintln!("pipeline persistence: a message was taken out of the stream ({name}): {reason}");
        self.persistence.instruments.count_refused(name.to_owned());
        AckKind::Term
    }
}

fn read(message: &Message) -> Result<RunnerEvent, EventRefused> {
    let text = std::str::from_utf8(&message.payload).map_err(|_| EventRefused::NotJson)?;
    let event = RunnerEvent::parse(text)?;
    Ok(match own_number(message) {
        Some(seq) if event.seq == 0 => event.numbered(seq),
        _ => event,
    })
}

/// The number of an event without one: when the stream stored it, in nanoseconds. A number from the
/// database would be another one at each delivery, and the event be stored twice.
fn own_number(message: &Message) -> Option<u64> {
    let published = message.info().ok()?.published.unix_timestamp_nanos();
    u64::try_from(published).ok()?.checked_add(FIRST_OWN_SEQ)
}

const NO_CONSUMER: &str = "the NATS server gives persistence no consumer of the stream";
