use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::{SpanRef, Tracer, TracerProvider};
use tower::Layer;

use super::config::Config;
use super::hooks::Hooks;
use super::shown::{self, Captured, Shown};
use super::{ClientService, SpanEnd};
use crate::http::spans::Spans;
use crate::http::{Outcome, RequestView, ResponseView};
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
            span_end: SpanEnd::default(),
            hooks: Hooks::default(),
            shown: Shown::default(),
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
        self.set(|config| config.hooks.filter = Some(Arc::new(filter)))
    }

    /// Names spans of requests for which the function has a name. A name should be one of few: the
    /// others are `{method} {template}` with a [`UrlTemplate`](super::UrlTemplate), or `{method}`.
    pub fn span_name<F>(self, name: F) -> Self
    where
        F: Fn(RequestView<'_>) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    {
        self.set(|config| config.hooks.span_name = Some(Arc::new(name)))
    }

    /// Is called with each recorded span before its request is sent, without the trace headers.
    pub fn on_request<F>(self, hook: F) -> Self
    where
        F: Fn(RequestView<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    {
        self.set(|config| config.hooks.on_request = Some(Arc::new(hook)))
    }

    /// Is called with each recorded span when the headers of its response are there.
    pub fn on_response<F>(self, hook: F) -> Self
    where
        F: Fn(ResponseView<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    {
        self.set(|config| config.hooks.on_response = Some(Arc::new(hook)))
    }

    /// Says which answers and failed calls are errors, by their value of `error.type`, which should be
    /// one of few. [`Outcome::client_error_type`] is what is said without it.
    ///
    /// ```
    /// use throughline::http::{ClientLayer, Outcome};
    ///
    /// let layer = ClientLayer::new().classify_error(|outcome| match outcome {
    ///     Outcome::Response(response) if response.status() == 404 => None,
    ///     other => other.client_error_type(),
    /// });
    /// ```
    pub fn classify_error<F>(self, classify: F) -> Self
    where
        F: Fn(Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    {
        self.set(|config| config.hooks.classify_error = Some(Arc::new(classify)))
    }

    /// Makes attributes `http.request.header.{name}` of these headers of a request, as it came to the
    /// layer. Of credentials, and of values that are marked as sensitive, only that they are there is
    /// shown.
    pub fn capture_request_headers<I>(self, names: I) -> Self
    where
        I: IntoIterator<Item = &'static str>,
    {
        let captured = Captured::new(shown::REQUEST_HEADER, names);
        self.set(|config| config.shown.request_headers = captured)
    }

    /// Makes attributes `http.response.header.{name}` of these headers of a response, as
    /// [`capture_request_headers`](Self::capture_request_headers) does.
    pub fn capture_response_headers<I>(self, names: I) -> Self
    where
        I: IntoIterator<Item = &'static str>,
    {
        let captured = Captured::new(shown::RESPONSE_HEADER, names);
        self.set(|config| config.shown.response_headers = captured)
    }

    /// Shows queries in `url.full`, but for the values of these parameters, whatever their case, and of
    /// those that sign an address. Without it, nothing of a query is shown.
    pub fn redact_query<I>(self, names: I) -> Self
    where
        I: IntoIterator<Item = &'static str>,
    {
        self.set(|config| config.shown.redacted_query = Some(names.into_iter().collect()))
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
