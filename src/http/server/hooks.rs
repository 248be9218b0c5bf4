use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

use super::ServerLayer;
use crate::http::hooks::Hooks;
use crate::http::{EndView, Outcome, RequestView, ResponseView};

/// # Hooks
///
/// They are called for requests that have a span, with the span beside what they look at. They run on
/// the request's path, so they must not wait. A panic of `on_request` or `on_response` is one of the
/// request; one of `on_end` or `classify_error`, which are called while other panics and cancellations
/// are under way, is caught: the end is what it would be without that hook.
impl ServerLayer {
    /// Names the span, instead of method and route. A name has to be of low cardinality: no ids, no
    /// raw path.
    ///
    /// ```
    /// use throughline::http::ServerLayer;
    ///
    /// let layer = ServerLayer::new().span_name(|request| match request.path() {
    ///     "/graphql" => "graphql",
    ///     _ => "other",
    /// });
    /// ```
    pub fn span_name<F, N>(self, name: F) -> Self
    where
        F: Fn(RequestView<'_>) -> N + Send + Sync + 'static,
        N: Into<Cow<'static, str>>,
    {
        self.hook(|hooks| hooks.span_name = Some(Arc::new(move |request| name(request).into())))
    }

    /// Called when the span has been opened, before the inner service.
    pub fn on_request<F>(self, hook: F) -> Self
    where
        F: Fn(RequestView<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    {
        self.hook(|hooks| hooks.on_request = Some(Arc::new(hook)))
    }

    /// Called with the headers of the response.
    pub fn on_response<F>(self, hook: F) -> Self
    where
        F: Fn(ResponseView<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    {
        self.hook(|hooks| hooks.on_response = Some(Arc::new(hook)))
    }

    /// Called once per request, just before its span ends, however that comes about.
    ///
    /// ```
    /// use throughline::http::{Ending, ServerLayer};
    ///
    /// let layer = ServerLayer::new().on_end(|end, _span| {
    ///     if end.ending() == Ending::Cancelled {
    ///         println!("gone after {:?} and {} bytes", end.duration(), end.body_bytes());
    ///     }
    /// });
    /// ```
    pub fn on_end<F>(self, hook: F) -> Self
    where
        F: Fn(EndView<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    {
        self.hook(|hooks| hooks.on_end = Some(Arc::new(hook)))
    }

    /// Decides what is an error, and its `error.type`, which has to be of low cardinality. The first
    /// error of a request counts. [`Outcome::error_type`] is what is taken without it.
    ///
    /// ```
    /// use throughline::http::{Outcome, ServerLayer};
    ///
    /// // A caller that goes away is nobody's fault here.
    /// let layer = ServerLayer::new().classify_error(|outcome| match outcome {
    ///     Outcome::Cancelled => None,
    ///     other => other.error_type(),
    /// });
    /// ```
    pub fn classify_error<F>(self, classify: F) -> Self
    where
        F: Fn(Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    {
        self.hook(|hooks| hooks.classify_error = Some(Arc::new(classify)))
    }

    /// Attributes that the sampler sees whatever the caller has decided, and that the span has. A
    /// sampler of your own can decide by them, for example to keep what support has asked for.
    ///
    /// ```
    /// use opentelemetry::KeyValue;
    /// use throughline::http::ServerLayer;
    ///
    /// let layer = ServerLayer::new().sampling_hint(|request| {
    ///     let asked_for = request.headers().contains_key("x-debug");
    ///     asked_for.then(|| KeyValue::new("debug", true))
    /// });
    /// ```
    pub fn sampling_hint<F, A>(self, hint: F) -> Self
    where
        F: Fn(RequestView<'_>) -> A + Send + Sync + 'static,
        A: IntoIterator<Item = KeyValue>,
    {
        self.set(|config| {
            config.sampling_hint =
                Some(Arc::new(move |request| hint(request).into_iter().collect()));
        })
    }

    fn hook(self, change: impl FnOnce(&mut Hooks)) -> Self {
        self.set(|config| change(Arc::make_mut(&mut config.hooks)))
    }
}
