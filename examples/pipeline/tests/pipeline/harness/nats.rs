//! The NATS server of one test, and what its operator does and sees there.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{self, PullConsumer, pull};
use async_nats::jetstream::stream::State;
use throughline_testkit::NatsServer;

use super::within;

/// A server of one's own.
pub(crate) struct Nats {
    server: NatsServer,
    context: jetstream::Context,
}

impl Nats {
    pub(crate) async fn start() -> Self {
        let server = NatsServer::start().unwrap();
        let client = within("a connection", async_nats::connect(server.url())).await.unwrap();
        Self { server, context: jetstream::new(client) }
    }

    /// The address of its stream for the services of a test.
    pub(crate) fn url(&self) -> String {
        format!("{}/events", self.server.url())
    }

    /// The address of the server itself.
    pub(crate) fn server_url(&self) -> &str {
        self.server.url()
    }

    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }

    pub(crate) fn restart(&mut self) {
        self.server.restart().unwrap();
    }

    /// Stores a message that no API has published.
    pub(crate) async fn publish(&self, payload: impl Into<bytes::Bytes>) {
        let publishing = self.context.publish("events.build-stream", payload.into());
        within("a stored message", publishing.await.unwrap().into_future()).await.unwrap();
    }

    /// Makes persistence's consumer with bounds that a test can wait for, before persistence does.
    pub(crate) async fn consumer(&self, ack_wait: Duration, max_deliver: i64) {
        let config = pull::Config {
            durable_name: Some("persistence".to_owned()),
            ack_wait,
            max_deliver,
            ..pull::Config::default()
        };
        let stream = self.context.get_stream("events").await.unwrap();
        stream.create_consumer(config).await.unwrap();
    }

    pub(crate) async fn delete_stream(&self) {
        self.context.delete_stream("events").await.unwrap();
    }

    /// Waits for something that the server says of persistence's consumer.
    pub(crate) async fn delivers(&self, what: &str, is: impl Fn(&consumer::Info) -> bool) {
        let stream = self.context.get_stream("events").await.unwrap();
        let consumer: PullConsumer = stream.get_consumer("persistence").await.unwrap();
        within(what, async { while !is(&consumer.get_info().await.unwrap()) {} }).await;
    }

    /// Waits until persistence has taken all, and returns what the stream has come to.
    pub(crate) async fn emptied(&self) -> State {
        let stream = self.context.get_stream("events").await.unwrap();
        let emptied = async {
            loop {
                let state = stream.get_info().await.unwrap().state;
                if state.messages == 0 {
                    return state;
                }
            }
        };
        within("an empty stream", emptied).await
    }
}
