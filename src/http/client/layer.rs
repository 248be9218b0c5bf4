use std::sync::Arc;

use opentelemetry::trace::{Tracer, TracerProvider};
use tower::Layer;

use super::config::Config;
use super::hooks::Hooks;
use super::span::Describing;
use super::{ClientService, SpanEnd};
use crate::http::RequestView;
use crate::http::captured::CapturedHeaders;
use crate::http::spans::Spans;
use crate::propagation::{Propagator, Targets};

/// Sends the current trace with each request, in a span that lasts until the response's headers.
///
/// The span is of kind `CLIENT`, a child of the current OpenTelemetry context, and has the attributes
/// of the stable [HTTP conventions](https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
/// It is an error if the status is 400 or above, or if the call fails; not if the caller drops it.
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
        Self::with_spans(Some(Arc::new(Spans::global())))
    }

    /// Opens no spans: the current trace context is sent as it is.
    pub fn propagate_only() -> Self {
        Self::with_spans(None)
    }

    fn with_spans(spans: Option<Arc<Spans>>) -> Self {
        let config = Config {
            propagator: Propagator::default(),
            targets: Targets::all(),
            spans,
            span_end: SpanEnd::Headers,
            filter: None,
            describing: Describing::default(),
            response_headers: CapturedHeaders::default(),
            hooks: Hooks::default(),
        };
        Self { config: Arc::new(config) }
    }

    /// Which formats are written; all that this crate knows by default.
    pub fn propagation(self, propagator: Propagator) -> Self {
        self.set(|config| config.propagator = propagator)
    }

    /// Where trace headers go; everywhere by default. Other requests have their span all the same,
    /// and whatever trace headers they had are removed.
    pub fn targets(self, targets: Targets) -> Self {
        self.set(|config| config.targets = targets)
    }

    /// Opens a span per request, of this provider.
    pub fn tracer_provider<P>(self, provider: P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.set(|config| config.spans = Some(Arc::new(Spans::of(&provider))))
    }

    /// What ends the span: the response's headers, unless something else is asked for.
    pub fn span_end(self, end: SpanEnd) -> Self {
        self.set(|config| config.span_end = end)
    }

    /// Opens spans only for requests that pass the filter. The others carry the current context.
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
