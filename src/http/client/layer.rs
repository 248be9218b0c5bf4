use std::sync::Arc;

use ::http::Request;
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use tower::Layer;

use super::ClientService;
use super::span::describe;
use crate::context::TraceContext;
use crate::http::RequestView;
use crate::http::exchange::Exchange;
use crate::http::semconv::KnownMethod;
use crate::http::spans::{Opening, Spans};
use crate::otel::ContextExt;
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
/// Clones share their settings. See the [module](crate::http) for an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct ClientLayer {
    config: Arc<Config>,
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
        let config = Config { propagator: Propagator::default(), targets: Targets::all(), spans };
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

    fn set(mut self, change: impl FnOnce(&mut Config)) -> Self {
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

/// What the services of one layer share.
#[derive(Clone, Debug)]
pub(super) struct Config {
    propagator: Propagator,
    targets: Targets,
    spans: Option<Arc<Spans>>,
}

impl Config {
    pub(super) fn begin<ReqBody>(&self, request: &mut Request<ReqBody>) -> Exchange {
        let cx = Context::current();
        if cx.is_telemetry_suppressed() {
            return Exchange::without_span(cx);
        }
        let Some(spans) = &self.spans else {
            self.inject(&cx, request);
            return Exchange::without_span(cx);
        };
        let opened =
            spans.open(&cx, opening(&cx, request), || describe(RequestView::from(&*request)));
        self.inject(&opened.cx, request);
        Exchange::with_span(opened)
    }

    fn inject<ReqBody>(&self, cx: &Context, request: &mut Request<ReqBody>) {
        let allowed = self.targets.allow_uri(request.uri());
        let context = if allowed { cx.trace_context() } else { TraceContext::new() };
        self.propagator.inject(&context, request.headers_mut());
    }
}

fn opening<ReqBody>(cx: &Context, request: &Request<ReqBody>) -> Opening {
    let span = cx.span();
    let parent = span.span_context();
    Opening {
        kind: SpanKind::Client,
        plain_name: KnownMethod::of(request.method()).span_name(),
        link: None,
        hint: Vec::new(),
        expect_recording: !parent.is_valid() || parent.is_sampled(),
    }
}
