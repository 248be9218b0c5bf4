use std::sync::Arc;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Tracer, TracerProvider};
use tower::Layer;

use super::config::Config;
use super::span::Describing;
use super::{ResponseHeader, ServerService};
use crate::http::captured::CapturedHeaders;
use crate::http::hooks::Hooks;
use crate::http::metrics::Metrics;
use crate::http::side::Side;
use crate::http::spans::{SpanSource, scope};
use crate::http::{RequestView, SpanEnd, Spans};
use crate::otel::Refused;
use crate::propagation::{Propagator, Trust};

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
/// with the attributes `format` and `rule`. A `sentry-trace` that leaves the decision open (rule SE-3)
/// needs `ParentBased` (feature `sdk`) as the provider's sampler: the SDK's own samplers take it for a
/// decision against the trace, which then goes on as `-0`.
///
/// Requests that have a span are measured too, with the conventions' `http.server.request.duration`,
/// `http.server.active_requests`, `http.server.request.body.size` (as announced by `content-length`)
/// and `http.server.response.body.size` (as handed over).
///
/// A call of gRPC has a span after the conventions for
/// [gRPC](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/) instead, a release candidate: it is named
/// `package.Service/Method`, and is an error by the status in its trailers. What is measured of it is
/// `rpc.server.call.duration`, with a method only if it has been answered, since anybody can make up
/// names; it is one of the active requests too. gRPC-Web, whose status stands in the body, is plain HTTP
/// here.
///
/// A request that has passed a layer with spans already is passed through, so that a layer which is
/// applied twice makes one span.
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
        Self::with(
            Some(Arc::new(SpanSource::global())),
            Some(Arc::new(Metrics::global(Side::Server))),
        )
    }

    /// Opens no spans and measures nothing: what came in is what goes out (rule TP-10).
    pub fn propagate_only() -> Self {
        Self::with(None, None)
    }

    fn with(spans: Option<Arc<SpanSource>>, metrics: Option<Arc<Metrics>>) -> Self {
        let config = Config {
            propagator: Propagator::default(),
            spans,
            metrics,
            mirror_trace_state: true,
            filter: None,
            trust: None,
            sampling_hint: None,
            hooks: Arc::new(Hooks::none(Side::Server)),
            describing: Describing::default(),
            response_headers: CapturedHeaders::default(),
            tells: Vec::new(),
            span_end: SpanEnd::BodyEnd,
            refused: Refused::global(),
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
        self.set(|config| config.spans = Some(Arc::new(SpanSource::of(&provider))))
    }

    /// Opens a span of this kind per request; OpenTelemetry's without it. Which one to take, the
    /// [module](crate::http#with-tracing) says.
    ///
    /// Those of `tracing` go where its subscriber takes them. A provider is of no use then: naming one
    /// later says that they are OpenTelemetry's after all.
    pub fn spans(self, spans: Spans) -> Self {
        self.set(|config| config.spans = Some(SpanSource::switched(config.spans.take(), spans)))
    }

    /// Measures with this provider instead of the global one.
    pub fn meter_provider<P: MeterProvider>(self, provider: P) -> Self {
        let meter = provider.meter_with_scope(scope());
        self.set(|config| {
            config.refused = Refused::of(&meter);
            config.metrics = Some(Arc::new(Metrics::of(Side::Server, meter)));
        })
    }

    /// Measures with this provider, whose instruments are looked up once per set of attributes. Other
    /// providers would drop what is measured that way, so this one is asked for by its type.
    #[cfg(feature = "bound-metrics")]
    pub fn sdk_meter_provider(
        self,
        provider: &opentelemetry_sdk::metrics::SdkMeterProvider,
    ) -> Self {
        let meter = provider.meter_with_scope(scope());
        self.set(|config| {
            config.refused = Refused::of(&meter);
            config.metrics = Some(Arc::new(Metrics::bound(Side::Server, meter)));
        })
    }

    /// Whether requests are measured; they are by default. To be set before or without a provider:
    /// naming one says that they are.
    pub fn metrics(self, measured: bool) -> Self {
        self.set(|config| {
            config.metrics = match (measured, config.metrics.take()) {
                (true, None) => Some(Arc::new(Metrics::global(Side::Server))),
                (true, known) => known,
                (false, _) => None,
            };
        })
    }

    /// Opens spans only for requests that pass the filter, and measures only those. The others carry
    /// their context all the same.
    pub fn filter<F>(self, filter: F) -> Self
    where
        F: Fn(RequestView<'_>) -> bool + Send + Sync + 'static,
    {
        self.set(|config| config.filter = Some(Arc::new(filter)))
    }

    /// Whose trace is continued, decided per request: everybody's by default. A layer further in
    /// decides anew, unless this one has opened a span.
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

    /// When the span ends; with the body by default.
    pub fn span_end(self, end: SpanEnd) -> Self {
        self.set(|config| config.span_end = end)
    }

    /// Tells callers the trace of their request. To be called once for each header that is wanted.
    pub fn response_header(self, header: ResponseHeader) -> Self {
        self.set(|config| {
            if !config.tells.contains(&header) {
                config.tells.push(header);
            }
        })
    }

    /// Whether spans of sampled traces show the `tracestate` that came in; they do by default.
    /// OpenTelemetry's form of it costs some 30 allocations for three members. What is passed on is
    /// the list that came in either way.
    pub fn mirror_trace_state(self, mirror: bool) -> Self {
        self.set(|config| config.mirror_trace_state = mirror)
    }

    pub(super) fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
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
