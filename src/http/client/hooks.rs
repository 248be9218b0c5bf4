use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::SpanRef;

use super::ClientLayer;
use crate::http::hooks::Hooks;
use crate::http::{Outcome, RequestView, ResponseView};

/// # Hooks
///
/// They are called for requests that have a span, with the span beside what they look at. They run on
/// the request's path, so they must not wait. A panic of `on_request` or `on_response` is one of the
/// request; one of `on_end` or `classify_error`, which are called while other panics and cancellations
/// are under way, is caught: the end is what it would be without that hook.
impl ClientLayer {
    /// Names the span, instead of method and template. A name has to be of low cardinality: no ids, no
    /// raw path.
    pub fn span_name<F, N>(self, name: F) -> Self
    where
        F: Fn(RequestView<'_>) -> N + Send + Sync + 'static,
        N: Into<Cow<'static, str>>,
    {
        self.hook(|hooks| hooks.span_name = Some(Arc::new(move |request| name(request).into())))
    }

    /// Called when the span has been opened, before the trace headers are written and the request is
    /// sent.
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

    /// Decides what is an error, and its `error.type`, which has to be of low cardinality. The first
    /// error of a request counts. [`Outcome::client_error_type`] is what is taken without it; it lets
    /// callers go.
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
        self.hook(|hooks| hooks.classify_error = Some(Arc::new(classify)))
    }

    fn hook(self, change: impl FnOnce(&mut Hooks)) -> Self {
        self.set(|config| change(Arc::make_mut(&mut config.hooks)))
    }
}
