use std::fmt;
use std::sync::{Arc, OnceLock};

use opentelemetry::metrics::{Counter, Meter, MeterProvider};
use opentelemetry::trace::{SpanKind, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, global};
use tower::Layer;

use super::ServerService;
use super::span::describe;
use crate::http::RequestView;
use crate::http::exchange::Exchange;
use crate::http::semconv::{self, KnownMethod};
use crate::http::spans::{Opening, Spans, scope};
use crate::otel::{ContextExt, link_to};
use crate::propagation::{Extraction, ParseError, Propagator, Trust};

/// Continues the trace of each request, in a span that lasts until the last byte of the response.
///
/// The span is of kind `SERVER`, has the attributes of the stable
/// [HTTP conventions](https://opentelemetry.io/docs/specs/semconv/http/http-spans/), and is ended
/// explicitly once: with the response's body, or at its headers if there is no body or the connection
/// is handed over. It is an error if the status is 500 or above, the service or the body fails
/// (`error.type` is the error's type), panics (`panic`), or is dropped before its end (`cancelled`).
///
/// The context is current in the inner service's `call`, in every poll of its future and of the
/// response's body. It starts from what the request says, never from what was current before.
/// Headers that break their format are left out and counted by `throughline.propagation.refused`,
/// with the attributes `format` and `rule`.
///
/// Clones share their settings. See the [module](crate::http) for examples.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct ServerLayer {
    config: Arc<Config>,
}

impl ServerLayer {
    /// Opens a span per request, of the global tracer provider as it is when the first request comes.
    pub fn new() -> Self {
        Self::with_spans(Some(Arc::new(Spans::global())))
    }

    /// Opens no spans: what came in is what goes out (rule TP-10).
    pub fn propagate_only() -> Self {
        Self::with_spans(None)
    }

    fn with_spans(spans: Option<Arc<Spans>>) -> Self {
        let config = Config {
            propagator: Propagator::default(),
            spans,
            filter: None,
            trust: None,
            route: None,
            refused: OnceLock::new(),
        };
        Self { config: Arc::new(config) }
    }

    /// Which formats are read; all that this crate knows by default.
    pub fn propagation(self, propagator: Propagator) -> Self {
        self.set(|config| config.propagator = propagator)
    }

    /// Opens a span per request, of this provider.
    pub fn tracer_provider<P>(self, provider: P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.set(|config| config.spans = Some(Arc::new(Spans::of(&provider))))
    }

    /// Counts refused headers with this provider instead of the global one.
    pub fn meter_provider<P: MeterProvider>(self, provider: P) -> Self {
        let counter = refused_counter(&provider.meter_with_scope(scope()));
        self.set(|config| config.refused = OnceLock::from(counter))
    }

    /// Opens spans only for requests that pass the filter. The others carry their context all the
    /// same.
    pub fn filter<F>(self, filter: F) -> Self
    where
        F: Fn(RequestView<'_>) -> bool + Send + Sync + 'static,
    {
        self.set(|config| config.filter = Some(Arc::new(filter)))
    }

    /// Whose trace is continued, decided per request: everybody's by default.
    ///
    /// ```
    /// use throughline::http::ServerLayer;
    /// use throughline::propagation::Trust;
    ///
    /// let layer = ServerLayer::new().trust(|request| match request.headers().get("x-internal") {
    ///     Some(_) => Trust::Continue,
    ///     None => Trust::Restart,
    /// });
    /// ```
    pub fn trust<F>(self, trust: F) -> Self
    where
        F: Fn(RequestView<'_>) -> Trust + Send + Sync + 'static,
    {
        self.set(|config| config.trust = Some(Arc::new(trust)))
    }

    /// Where a request's route stands: the pattern that its path was matched with, like
    /// `/users/{id}`. It becomes `http.route` and a part of the span's name. A path with its ids and
    /// secrets must not.
    ///
    /// The function is called before the inner service; with axum, a layer that is added by
    /// `Router::layer` finds a `MatchedPath` in the extensions.
    pub fn route<F>(self, route: F) -> Self
    where
        F: for<'a> Fn(RequestView<'a>) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.set(|config| config.route = Some(Arc::new(route)))
    }

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl Default for ServerLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = ServerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ServerService::new(inner, Arc::clone(&self.config))
    }
}

type Filter = dyn Fn(RequestView<'_>) -> bool + Send + Sync;
type Judge = dyn Fn(RequestView<'_>) -> Trust + Send + Sync;
type Route = dyn for<'a> Fn(RequestView<'a>) -> Option<&'a str> + Send + Sync;

/// What the services of one layer share.
#[derive(Clone)]
pub(super) struct Config {
    propagator: Propagator,
    spans: Option<Arc<Spans>>,
    filter: Option<Arc<Filter>>,
    trust: Option<Arc<Judge>>,
    route: Option<Arc<Route>>,
    /// Made when something is refused for the first time, which for most layers is never.
    refused: OnceLock<Counter<u64>>,
}

impl Config {
    pub(super) fn begin(&self, request: RequestView<'_>) -> Exchange {
        let trust = self.trust.as_ref().map(|trust| trust(request)).unwrap_or_default();
        let found = trust.apply(self.propagator.extract(request.headers()));
        let Extraction { context, refused, link } = found;
        self.count(&refused);
        let expect_recording = context.sampled() != Some(false);
        let base = Context::new();
        // An empty context needs no slot: there is nothing to be read from it.
        let parent = if context.is_empty() { base } else { base.with_trace_context(context) };
        let spans = self.spans.as_ref().filter(|_| self.filter.as_ref().is_none_or(|f| f(request)));
        let Some(spans) = spans else { return Exchange::without_span(parent) };
        let opening = Opening {
            kind: SpanKind::Server,
            plain_name: KnownMethod::of(request.method()).span_name(),
            link: link.as_ref().map(link_to),
            expect_recording,
        };
        let opened = spans.open(&parent, opening, || {
            describe(request, self.route.as_ref().and_then(|route| route(request)))
        });
        Exchange::with_span(opened).if_dropped(Some(semconv::CANCELLED))
    }

    fn count(&self, refused: &[ParseError]) {
        if refused.is_empty() {
            return;
        }
        let counter =
            self.refused.get_or_init(|| refused_counter(&global::meter_with_scope(scope())));
        for error in refused {
            counter.add(
                1,
                &[
                    KeyValue::new("format", error.field().as_str()),
                    KeyValue::new("rule", error.rule().id()),
                ],
            );
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("propagator", &self.propagator)
            .field("spans", &self.spans)
            .field("filter", &self.filter.is_some())
            .field("route", &self.route.is_some())
            .finish_non_exhaustive()
    }
}

fn refused_counter(meter: &Meter) -> Counter<u64> {
    meter
        .u64_counter("throughline.propagation.refused")
        .with_description("Received trace fields, or members of them, that broke their format")
        .with_unit("{field}")
        .build()
}
