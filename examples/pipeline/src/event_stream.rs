//! The stream of NATS JetStream that keeps events between the API and persistence.
//!
//! It is a work queue: an event stays until persistence has it. When it is full, it takes no more
//! events, rather than drop old ones that are acknowledged already.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::anyhow;
use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{ContextBuilder, CreateStreamError};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy};
use async_nats::{ConnectOptions, Event, ServerAddr};

use crate::event::EventType;
use crate::limits::{
    BACKOFF_FIRST, STREAM_ACK_WAIT, STREAM_AGE, STREAM_BYTES, STREAM_DELIVERIES, STREAM_QUEUE,
    STREAM_RESENT, STREAM_RETRY_MAX, STREAM_TIMEOUT,
};

/// Where the stream is: `nats://host:port`, with the stream's name as path if it is not `pipeline`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StreamAddress {
    server: ServerAddr,
    stream: Option<String>,
}

impl StreamAddress {
    /// The stream of this name, unless the address has named one.
    pub(crate) fn or_stream(self, name: &str) -> Self {
        Self { stream: self.stream.or_else(|| Some(name.to_owned())), ..self }
    }

    /// The address as it is given to a service, with a password if there is one.
    pub(crate) fn to_url(&self) -> String {
        format!("{}/{}", self.server.as_url_str(), self.stream())
    }

    /// Connects a service, and creates the stream if it is not there.
    ///
    /// # Errors
    /// If there is no server, or none with JetStream.
    pub(crate) async fn connect(&self, service: &'static str) -> anyhow::Result<EventStream> {
        let options = ConnectOptions::new()
            .name(format!("pipeline {service}"))
            .client_capacity(STREAM_QUEUE)
            .event_callback(move |event| async move { tell(service, &event) });
        let (host, port) = (self.server.host(), self.server.port());
        // Their texts hold those of their sources.
        let client = options.connect(&self.server).await.map_err(|error| {
            anyhow!("no NATS server takes connections at {host}:{port}: {WHAT_TO_DO}: {error}")
        })?;
        let context = ContextBuilder::new().timeout(STREAM_TIMEOUT).build(client);
        let stream = EventStream { context, name: self.stream().to_owned() };
        stream.open().await.map_err(|error| {
            anyhow!("the NATS server at {host}:{port} gives no stream: {WHAT_TO_DO}: {error}")
        })?;
        Ok(stream)
    }

    fn stream(&self) -> &str {
        self.stream.as_deref().unwrap_or(STREAM)
    }
}

impl FromStr for StreamAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix(SCHEME).ok_or(EXPECTED)?;
        let (server, stream) = rest.split_once('/').unwrap_or((rest, ""));
        let server: ServerAddr = format!("{SCHEME}{server}").parse().map_err(|_| EXPECTED)?;
        if server.host().is_empty() || !stream.chars().all(is_plain) {
            return Err(EXPECTED.to_owned());
        }
        Ok(Self { server, stream: Some(stream.to_owned()).filter(|name| !name.is_empty()) })
    }
}

/// Leaves out the server: its address can hold a password.
impl fmt::Debug for StreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamAddress").field("stream", &self.stream()).finish_non_exhaustive()
    }
}

/// The stream, for one service. A connection that is lost comes back by itself.
#[derive(Clone, Debug)]
pub(crate) struct EventStream {
    context: jetstream::Context,
    name: String,
}

impl EventStream {
    pub(crate) fn context(&self) -> &jetstream::Context {
        &self.context
    }

    /// What events of this type are published to.
    pub(crate) fn subject(&self, kind: EventType) -> String {
        format!("{}.{}", self.name, kind.as_str())
    }

    /// What all subjects are made from.
    pub(crate) fn subject_template(&self) -> String {
        format!("{}.{{type}}", self.name)
    }

    /// Creates the stream if it is not there. One that is there stays as it is.
    ///
    /// # Errors
    /// If the server does not answer or refuses.
    pub(crate) async fn open(&self) -> Result<jetstream::stream::Stream, CreateStreamError> {
        let config = Config {
            name: self.name.clone(),
            subjects: vec![format!("{}.*", self.name)],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_bytes: STREAM_BYTES,
            max_age: STREAM_AGE,
            duplicate_window: STREAM_RESENT,
            ..Config::default()
        };
        self.context.get_or_create_stream(config).await
    }

    /// What persistence is given events by. It is created if it is not there, and outlives the service.
    ///
    /// # Errors
    /// If the server does not answer or refuses.
    pub(crate) async fn consumer(&self) -> Result<PullConsumer, async_nats::Error> {
        let config = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: STREAM_ACK_WAIT,
            max_deliver: STREAM_DELIVERIES,
            ..pull::Config::default()
        };
        Ok(self.open().await?.get_or_create_consumer(CONSUMER, config).await?)
    }

    /// Sends what waits to be sent, for at most [`STREAM_TIMEOUT`].
    pub(crate) async fn flush(&self) {
        // What does not arrive is delivered again.
        let client = self.context.client();
        let _ = tokio::time::timeout(STREAM_TIMEOUT, client.flush()).await;
    }
}

/// The wait before a message that was delivered so often is delivered again: 100 ms, doubled each time
/// up to [`STREAM_RETRY_MAX`].
pub(crate) fn wait_before_redelivery(delivered: i64) -> Duration {
    let doublings = u32::try_from(delivered.clamp(1, 17)).unwrap_or(1) - 1;
    BACKOFF_FIRST.saturating_mul(1 << doublings).min(STREAM_RETRY_MAX)
}

fn tell(service: &str, event: &Event) {
    match event {
        // A connection that a service closes at its end is no news.
        Event::Connected | Event::Draining | Event::Closed => {}
        Event::Disconnected => {
            eprintln!("pipeline {service}: the NATS server is away, reconnecting");
        }
        event => eprintln!("pipeline {service}: NATS: {event}"),
    }
}

fn is_plain(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_')
}

const SCHEME: &str = "nats://";
const STREAM: &str = "pipeline";
const CONSUMER: &str = "persistence";
const EXPECTED: &str = "expected nats://host:port, or nats://host:port/stream with a name of letters, \
                        digits, - and _";
const WHAT_TO_DO: &str = "start one with `nats-server --jetstream`, or choose another --bus";

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> StreamAddress {
        text.parse().expect("address")
    }

    #[test]
    fn the_path_names_the_stream() {
        assert_eq!(address("nats://127.0.0.1:4222").to_url(), "nats://127.0.0.1:4222/pipeline");
        assert_eq!(address("nats://[::1]/a-b_1").to_url(), "nats://[::1]/a-b_1");
        let (named, unnamed) = (address("nats://x/mine"), address("nats://x/"));
        assert_eq!(named.or_stream("demo").to_url(), "nats://x/mine");
        assert_eq!(unnamed.or_stream("demo").to_url(), "nats://x/demo");
    }

    #[test]
    fn what_is_no_address_of_a_stream_is_refused_without_repeating_it() {
        for text in
            ["", "nats://", "nats:///s3cret", "nats://x:s3cret", "nats://x/s3cret/", "nats://x/s.*"]
        {
            let refused = text.parse::<StreamAddress>().unwrap_err();
            assert!(refused.contains("nats://host:port") && !refused.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn a_password_does_not_show() {
        let address = address("nats://ann:s3cret@x");
        assert!(!format!("{address:?}").contains("s3cret"));
        assert!(address.to_url().contains("s3cret"), "the service needs it");
    }

    #[test]
    fn waits_for_the_next_delivery_grow_to_their_bound() {
        assert_eq!(wait_before_redelivery(1), BACKOFF_FIRST);
        assert_eq!(wait_before_redelivery(3), 4 * BACKOFF_FIRST);
        for delivered in [i64::MIN, 0, 20, i64::MAX] {
            let wait = wait_before_redelivery(delivered);
            assert!(wait >= BACKOFF_FIRST && wait <= STREAM_RETRY_MAX, "{delivered}");
        }
        assert_eq!(wait_before_redelivery(i64::MAX), STREAM_RETRY_MAX);
    }
}
