use std::sync::Arc;

use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Tracer, TracerProvider};
use tower::Layer;

use super::ClientService;
use super::config::Config;
use super::span::Describing;
use crate::http::captured::CapturedHeaders;
use crate::http::hooks::Hooks;
use crate::http::metrics::Metrics;
use crate::http::side::Side;
use crate::http::spans::{SpanSource, scope};
use crate::http::{RequestView, SpanEnd, Spans};
use crate::propagation::{Propagator, Targets};

/// Sends the current trace with each request, in a span that lasts until the response's headers.
///
/// The span is of kind `CLIENT`, a child of the current OpenTelemetry context, and has the attributes
/// of the stable [HTTP conventions](https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
/// It is an error if the status is 400 or above, or if the call fails; not if the caller drops it.
/// Requests that have a span are measured too, with the conventions' `http.client.request.duration`.
///
/// A call of gRPC has a span after the conventions for
/// [gRPC](https://opentelemetry.io/docs/specs/semconv/rpc/grpc/) instead, a release candidate: it is named
/// `package.Service/Method`, lasts until the trailers, and is an error if the status there is not `OK`.
/// What is measured of it is `rpc.client.call.duration`. tonic's clients name the server that they call
/// only to what is inside of a channel: with `with_origin` they name it to the layer too, for
/// `server.address` and for [`targets`](Self::targets).
///
/// Trace headers are replaced, never added to, and removed if there is no trace to send. A request
/// whose target holds credentials gets none. Where telemetry is suppressed, as in the calls of an
/// exporter, requests are passed on untouched.
///
/// What a caller says about one request stands in its extensions: [`NoPropagate`](super::NoPropagate),
/// [`ResendCount`](super::ResendCount), [`UrlTemplate`](super::UrlTemplate).
///
/// A layer sees what passes it. Put what follows redirects or retries around it: each attempt then has
/// a span, headers of its own, and is judged by its own target. Inside of it, all attempts are one
/// span, and carry that span's headers wherever they go.
///
/// Clones share their settings. See the [module](crate::http) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct ClientLayer {
    pub(super) config: Arc<Config>,
}

impl ClientLayer {
    /// Opens a span per request, of the global tracer provider as it is when the first one is sent.
    pub fn new() -> Self {
        Self::with(
            Some(Arc::new(SpanSource::global())),
            Some(Arc::new(Metrics::global(Side::Client))),
        )
    }

    /// Opens no spans and measures nothing: the current trace context is sent as it is.
    pub fn propagate_only() -> Self {
        Self::with(None, None)
    }

    fn with(spans: Option<Arc<SpanSource>>, metrics: Option<Arc<Metrics>>) -> Self {
        let config = Config {
            propagator: Propagator::default(),
            targets: Targets::all(),
            spans,
            metrics,
            span_end: None,
            filter: None,
            describing: Describing::default(),
            response_headers: CapturedHeaders::default(),
            hooks: Arc::new(Hooks::none(Side::Client)),
        };
        Self { config: Arc::new(config) }
    }

    /// Which formats are written; all that this crate knows by default.
    pub fn propagation(self, propagator: Propagator) -> Self {
        self.set(|config| config.propagator = propagator)
    }

    /// Where trace headers go; everywhere by default. Other requests have their span all the same,
    /// and whatever trace headers they had are removed: those of every format, baggage included.
    pub fn targets(self, targets: Targets) -> Self {
        self.set(|config| config.targets = targets)
    }

    /// Opens a span per request, of this provider.
    pub fn tracer_provider<P>(self, provider: P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.set(|config| config.spans = Some(Arc::new(SpanSource::of(&provider))))
    }

    /// Opens a span of this kind per request, under the rules of
    /// [`ServerLayer::spans`](crate::http::ServerLayer::spans). The parent of one of `tracing` is the
    /// current one.
    pub fn spans(self, spans: Spans) -> Self {
        self.set(|config| config.spans = Some(SpanSource::switched(config.spans.take(), spans)))
    }

    /// Measures with this provider instead of the global one.
    pub fn meter_provider<P: MeterProvider>(self, provider: P) -> Self {
        let meter = provider.meter_with_scope(scope());
        self.set(|config| config.metrics = Some(Arc::new(Metrics::of(Side::Client, meter))))
    }

    /// Measures with this provider, whose instruments are looked up once per set of attributes. Other
    /// providers would drop what is measured that way, so this one is asked for by its type.
    #[cfg(feature = "bound-metrics")]
    pub fn sdk_meter_provider(
        self,
        provider: &opentelemetry_sdk::metrics::SdkMeterProvider,
    ) -> Self {
        let meter = provider.meter_with_scope(scope());
        self.set(|config| config.metrics = Some(Arc::new(Metrics::bound(Side::Client, meter))))
    }

    /// Whether requests are measured; they are by default. To be set before or without a provider:
    /// naming one says that they are.
    pub fn metrics(self, measured: bool) -> Self {
        self.set(|config| {
            config.metrics = match (measured, config.metrics.take()) {
                (true, None) => Some(Arc::new(Metrics::global(Side::Client))),
                (true, known) => known,
                (false, _) => None,
            };
        })
    }

    /// When the span ends; by default with the response's headers, and that of a call of gRPC with its
    /// body, behind which stands how it went.
    pub fn span_end(self, end: SpanEnd) -> Self {
        self.set(|config| config.span_end = Some(end))
    }

    /// Opens spans only for requests that pass the filter, and measures only those. The others carry
    /// the current context.
    pub fn filter<F>(self, filter: F) -> Self
    where
        F: Fn(RequestView<'_>) -> bool + Send + Sync + 'static,
    {
        self.set(|config| config.filter = Some(Arc::new(filter)))
    }

    pub(super) fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl Default for ClientLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = ClientService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientService::new(inner, Arc::clone(&self.config))
    }
}
