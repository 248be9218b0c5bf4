use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::Context;
#[cfg(feature = "websocket")]
use opentelemetry::metrics::Meter;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Link, TraceContextExt, Tracer, TracerProvider};

use super::instruments::Metrics;
use super::operation::Operation;
use super::role::Role;
use super::settings::{Destination, Names, Settings};
use super::{MessageView, ParentMode, Processing, Sending};
use crate::context::TraceContext;
use crate::otel::{ContextExt, Links, Opener, Refused, link_to, scope};
use crate::propagation::Extraction;

/// Opens the spans of messages on one system, and measures them: see the
/// [module](crate::messaging).
///
/// One per system and destination is made at the start and kept. Clones share their settings.
///
/// ```
/// use throughline::messaging::{Messaging, ParentMode};
///
/// let messaging = Messaging::new("nats")
///     .operation_names("publish", "process")
///     .destination_template("orders.{id}")
///     .parent(ParentMode::Link);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Messaging {
    settings: Arc<Settings>,
}

impl Messaging {
    /// Messages of a system: the value of `messaging.system`, such as `nats`, `kafka` or `websocket`.
    /// Spans are of the global tracer provider, metrics of the global meter provider, as they are when
    /// the first message comes.
    pub fn new(system: &'static str) -> Self {
        Self { settings: Arc::new(Settings::new(system)) }
    }

    /// What the system calls its operations, the values of `messaging.operation.name`. By default `send`
    /// and `process`.
    pub fn operation_names(self, send: &'static str, process: &'static str) -> Self {
        self.set(|settings| settings.names = Names { send, process })
    }

    /// The one queue or topic of these messages.
    pub fn destination(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.set(|settings| settings.destination = Some(Destination::Name(name.into())))
    }

    /// The pattern that the destinations of these messages are made from, one of few: spans are named
    /// after it.
    pub fn destination_template(self, template: impl Into<Cow<'static, str>>) -> Self {
        self.set(|settings| settings.destination = Some(Destination::Template(template.into())))
    }

    /// How a span of processing is bound to the context of its message; as its child by default.
    pub fn parent(self, mode: ParentMode) -> Self {
        self.set(|settings| settings.parent = mode)
    }

    /// Opens spans of this provider.
    pub fn tracer_provider<P>(self, provider: P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.set(|settings| settings.spans = Some(Arc::new(Opener::of(&provider))))
    }

    /// Measures with this provider instead of the global one.
    pub fn meter_provider<P: MeterProvider>(self, provider: P) -> Self {
        let meter = provider.meter_with_scope(scope());
        self.set(|settings| {
            settings.refused = Refused::of(&meter);
            settings.metrics = Some(Arc::new(Metrics::of(meter)));
        })
    }

    /// Whether messages are measured; they are by default. To be set before or without a provider:
    /// naming one says that they are.
    pub fn metrics(self, measured: bool) -> Self {
        self.set(|settings| {
            settings.metrics = match (measured, settings.metrics.take()) {
                (true, None) => Some(Arc::new(Metrics::global())),
                (true, known) => known,
                (false, _) => None,
            };
        })
    }

    /// Opens no spans and measures nothing: the current context is sent as it is, and what came in a
    /// message is current while it is processed, whatever the [`ParentMode`].
    pub fn propagate_only(self) -> Self {
        self.set(|settings| {
            settings.spans = None;
            settings.metrics = None;
        })
    }

    /// Begins to send a message, in a span below the current context. Where telemetry is suppressed, as
    /// in the messages of an exporter, there is no span and nothing to be carried.
    pub fn send(&self, message: MessageView<'_>) -> Sending {
        let cx = Context::current();
        let Some(spans) = self.settings.spans.as_ref().filter(|_| !cx.is_telemetry_suppressed())
        else {
            return Sending(Operation::without_span(cx));
        };
        let links = message.to_link().into_iter().collect();
        let opening = self.settings.opening(Role::Send, links, may_be_recorded(&cx));
        let describe = || self.settings.describe(Role::Send, message, None);
        let opened = spans.open(&cx, opening, describe);
        Sending(Operation::with_span(opened, &self.settings, Role::Send, 1))
    }

    /// Begins to process a message that brought this context. What is current here is never its parent
    /// (rule MS-6): a message without a context begins a new trace.
    pub fn process(&self, message: MessageView<'_>, received: &Extraction) -> Processing {
        let settings = &*self.settings;
        self.count_refused(received);
        let (base, spans) = settings.base();
        let Some(spans) = spans else {
            return Processing(without_span(base, received.context.clone()));
        };
        let trace = settings.continued(&received.context);
        let creation = received.context.parent().filter(|_| settings.parent.links());
        let links =
            creation.into_iter().chain(&received.link).map(link_to).chain(message.to_link());
        let expect_recording = trace.sampled() != Some(false);
        let opening = settings.opening(Role::Process, links.collect(), expect_recording);
        let describe = || settings.describe(Role::Process, message, None);
        let opened = spans.open(&base.with_trace_context(trace), opening, describe);
        settings.count_consumed(1);
        Processing(Operation::with_span(opened, &self.settings, Role::Process, 1))
    }

    /// Begins to process several messages at once, in a span of a new trace that links to each of their
    /// contexts (rule MS-2), once and up to 128 of them: see [`Links`].
    pub fn process_batch<'a>(
        &self,
        batch: MessageView<'_>,
        received: impl IntoIterator<Item = &'a Extraction>,
    ) -> Processing {
        let settings = &*self.settings;
        let (base, spans) = settings.base();
        let batched = Batched::of(batch.to_link(), received, &settings.refused);
        let nothing = TraceContext::new();
        let Some(spans) = spans else { return Processing(without_span(base, nothing)) };
        let cx = base.with_trace_context(settings.continued(&nothing));
        let Batched { links, messages } = batched;
        let dropped = links.dropped();
        let opening = settings.opening(Role::Process, links.into_vec(), true);
        let describe = || settings.describe(Role::Process, batch, Some((messages, dropped)));
        let opened = spans.open(&cx, opening, describe);
        settings.count_consumed(messages);
        Processing(Operation::with_span(opened, &self.settings, Role::Process, messages))
    }

    /// Whose spans are opened, for what messages go through; none if they are only passed on.
    #[cfg(feature = "websocket")]
    pub(crate) fn spans(&self) -> Option<&Opener> {
        self.settings.spans.as_deref()
    }

    /// What is measured with; none if nothing is.
    #[cfg(feature = "websocket")]
    pub(crate) fn meter(&self) -> Option<Meter> {
        self.settings.metrics.as_ref().map(|metrics| metrics.meter())
    }

    /// Counts what broke its format in a context that came in.
    pub(crate) fn count_refused(&self, received: &Extraction) {
        self.settings.refused.count(&received.refused);
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        let settings = Arc::make_mut(&mut self.settings);
        change(settings);
        settings.prepare();
        self
    }
}

/// Passes a context on as it is.
fn without_span(base: Context, received: TraceContext) -> Operation {
    // An empty one needs no slot: where it begins there is nothing to be shadowed.
    Operation::without_span(match received.is_empty() {
        true => base,
        false => base.with_trace_context(received),
    })
}

fn may_be_recorded(parent: &Context) -> bool {
    let span = parent.span();
    let span = span.span_context();
    !span.is_valid() || span.is_sampled()
}

/// What the messages of a batch say together.
struct Batched {
    links: Links,
    messages: usize,
}

impl Batched {
    fn of<'a>(
        first: Option<Link>,
        received: impl IntoIterator<Item = &'a Extraction>,
        refused: &Refused,
    ) -> Self {
        let (mut links, mut messages) = (Links::default(), 0);
        links.extend(first);
        for found in received {
            refused.count(&found.refused);
            messages += 1;
            links.extend(found.context.parent().into_iter().chain(&found.link).map(link_to));
        }
        Self { links, messages }
    }
}
