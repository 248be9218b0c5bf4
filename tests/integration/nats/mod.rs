//! Messages of NATS and JetStream, through a real server.

use async_nats::{Client, HeaderMap, Message, Subscriber};
use futures_util::StreamExt;
use throughline::context::TraceContext;
use throughline::nats::{Nats, TracedClient};
use throughline_testkit::{InMemorySpans, NatsServer, SpanRecord};
use tokio::time::timeout;

use super::checked_spans::CheckedSpans;
use super::http::PATIENCE;

mod headers;
mod jetstream;
mod jobs;
mod publishing;
mod requests;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A server of one test, with a shop that publishes and a stock that processes.
struct Bed {
    spans: CheckedSpans,
    /// Of the stock.
    nats: Nats,
    client: Client,
    _server: NatsServer,
}

impl Bed {
    async fn new() -> Self {
        let server = NatsServer::start().unwrap();
        let client = within(async_nats::connect(server.url())).await.unwrap();
        let spans = CheckedSpans::for_service("stock");
        Self { nats: nats(&spans), spans, client, _server: server }
    }

    fn shop(&self) -> Nats {
        nats(&self.spans.service("shop"))
    }

    /// The shop's client.
    fn traced(&self) -> TracedClient {
        self.shop().client(self.client.clone())
    }

    /// What comes with these subjects. The server knows of it when this returns.
    async fn subscribe(&self, subject: &'static str) -> Subscriber {
        let subscriber = self.client.subscribe(subject).await.unwrap();
        within(self.client.flush()).await.unwrap();
        subscriber
    }

    /// Processes a message, and says what was current meanwhile.
    async fn process(&self, message: &Message) -> TraceContext {
        self.nats.process(message).run(async { TraceContext::current() }).await
    }

    fn span(&self, name: &str) -> SpanRecord {
        let spans = self.spans.finished();
        spans.into_iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"))
    }
}

/// Spans without metrics.
fn nats(spans: &InMemorySpans) -> Nats {
    Nats::new().tracer_provider(spans.provider()).metrics(false)
}

async fn next(subscriber: &mut Subscriber) -> Message {
    within(subscriber.next()).await.unwrap()
}

async fn within<T>(waiting: impl Future<Output = T>) -> T {
    timeout(PATIENCE, waiting).await.unwrap()
}

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, *value);
    }
    map
}
