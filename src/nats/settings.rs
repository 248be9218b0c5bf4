use std::borrow::Cow;

use async_nats::{Client, Message};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};

use super::delivery::{Delivery, is_temporary};
use super::{TracedClient, TracedJetStream};
use crate::messaging::{MessageView, Messaging, ParentMode, Processing};
use crate::propagation::{Extraction, Propagator};

/// How messages of NATS are traced: see the [module](crate::nats).
///
/// Clones share what they do not set anew, so that there may be one for each kind of subjects.
#[derive(Clone, Debug)]
#[must_use]
pub struct Nats {
    pub(super) publish: Messaging,
    pub(super) request: Messaging,
    pub(super) propagator: Propagator,
    pub(super) replace_context: bool,
}

impl Nats {
    /// Spans of the global tracer provider and metrics of the global meter provider, as they are when the
    /// first message comes.
    pub fn new() -> Self {
        Self {
            publish: Messaging::new("nats").operation_names("publish", "process"),
            request: Messaging::new("nats").operation_names("request", "process"),
            propagator: Propagator::default(),
            replace_context: false,
        }
    }

    /// Which formats are read and written; all that this crate knows by default.
    pub fn propagation(self, propagator: Propagator) -> Self {
        Self { propagator, ..self }
    }

    /// The pattern that the subjects are made from, one of few, such as `orders.{id}` or the subject of a
    /// subscription: spans are named after it, and metrics have it as a label. Without it, spans are
    /// named after the subject of each message, and metrics have no label for it.
    pub fn subject_template(self, template: impl Into<Cow<'static, str>>) -> Self {
        self.set(|messaging| messaging.destination_template(template))
    }

    /// How a span of processing is bound to the context of its message; as its child by default.
    pub fn parent(self, mode: ParentMode) -> Self {
        self.set(|messaging| messaging.parent(mode))
    }

    /// Opens spans of this provider.
    pub fn tracer_provider<P>(self, provider: P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.set(|messaging| messaging.tracer_provider(provider))
    }

    /// Measures with this provider instead of the global one.
    pub fn meter_provider<P: MeterProvider>(self, provider: P) -> Self {
        self.set(|messaging| messaging.meter_provider(provider))
    }

    /// Whether messages are measured; they are by default.
    pub fn metrics(self, measured: bool) -> Self {
        self.set(|messaging| messaging.metrics(measured))
    }

    /// Opens no spans and measures nothing: the current context is sent as it is, and what came in a
    /// message is current while it is processed.
    pub fn propagate_only(self) -> Self {
        self.set(Messaging::propagate_only)
    }

    /// Replaces a context that a message brings when it is sent, as a relay does that sends the headers of
    /// a received one (rule MS-7). By default it stays, since it is what the sender wants (rule MS-1).
    pub fn replace_context(self, replace: bool) -> Self {
        Self { replace_context: replace, ..self }
    }

    /// A client whose messages carry the context of their spans.
    pub fn client(&self, client: Client) -> TracedClient {
        TracedClient::new(client, self.clone())
    }

    /// A JetStream context whose messages carry the context of their spans.
    pub fn jetstream(&self, context: async_nats::jetstream::Context) -> TracedJetStream {
        TracedJetStream::new(context, self.clone())
    }

    /// The context of a received message.
    #[must_use]
    pub fn extract(&self, message: &Message) -> Extraction {
        let headers = message.headers.as_ref();
        headers.map(|headers| self.propagator.extract(headers)).unwrap_or_default()
    }

    /// Begins to process a received message of NATS or JetStream.
    ///
    /// What comes by a consumer of JetStream has that as `messaging.consumer.group.name`, and from the
    /// second delivery on its number as `messaging.nats.message.delivery_attempt`.
    pub fn process<D: Delivery>(&self, delivery: &D) -> Processing {
        let message = delivery.message();
        let processing = self.publish.process(view(message), &self.extract(message));
        if processing.is_recording() {
            describe(delivery, &processing);
        }
        processing
    }

    /// Begins to process several received messages at once, in a span with a link to each (rule MS-2).
    pub fn process_batch<'a, D: Delivery + 'a>(
        &self,
        deliveries: impl IntoIterator<Item = &'a D>,
    ) -> Processing {
        let mut bytes = 0;
        let read = |delivery: &D| {
            let message = delivery.message();
            bytes += message.payload.len();
            self.extract(message)
        };
        let received: Vec<_> = deliveries.into_iter().map(read).collect();
        self.publish.process_batch(MessageView::new().body_bytes(bytes), &received)
    }

    fn set(self, change: impl FnOnce(Messaging) -> Messaging) -> Self {
        let publish = change(self.publish);
        let request = publish.clone().operation_names("request", "process");
        Self { publish, request, ..self }
    }
}

impl Default for Nats {
    fn default() -> Self {
        Self::new()
    }
}

fn view(message: &Message) -> MessageView<'_> {
    let view = MessageView::new()
        .destination(&message.subject)
        .temporary(is_temporary(&message.subject))
        .body_bytes(message.payload.len());
    let headers = message.headers.as_ref();
    match headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID)) {
        Some(id) => view.id(id.as_str()),
        None => view,
    }
}

fn describe<D: Delivery>(delivery: &D, processing: &Processing) {
    let Some(info) = delivery.info() else { return };
    let span = processing.cx().span();
    span.set_attribute(KeyValue::new(CONSUMER_GROUP, info.consumer.to_owned()));
    if info.delivered > 1 {
        span.set_attribute(KeyValue::new(DELIVERY_ATTEMPT, info.delivered));
    }
}

/// The conventions' name for what several clients share: a consumer of JetStream is that.
const CONSUMER_GROUP: &str = "messaging.consumer.group.name";

/// A name of ours, after those that the conventions have for other systems.
const DELIVERY_ATTEMPT: &str = "messaging.nats.message.delivery_attempt";
