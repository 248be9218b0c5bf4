use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::SpanRef;

use super::ClientLayer;
use crate::http::{Outcome, RequestView, ResponseView};

/// # Hooks
///
/// They are called for requests that have a recorded span, with the span beside what they look at.
/// They run on the request's path, so they must not wait.
impl ClientLayer {
    /// Names the span, instead of method and template. A name has to be of low cardinality: no ids, no
    /// raw path.
    pub fn span_name<F, N>(self, name: F) -> Self
    where
        F: Fn(RequestView<'_>) -> N + Send + Sync + 'static,
        N: Into<Cow<'static, str>>,
    {
        self.set(|config| {
            config.describing.span_name = Some(Arc::new(move |request| name(request).into()));
        })
    }

    /// Called when the span has been opened, before the trace headers are written and the request is
    /// sent.
    pub fn on_request<F>(self, hook: F) -> Self
    where
        F: Fn(RequestView<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    {
        self.set(|config| config.hooks.on_request = Some(Arc::new(hook)))
    }

    /// Called with the headers of the response.
    pub fn on_response<F>(self, hook: F) -> Self
    where
        F: Fn(ResponseView<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    {
        self.set(|config| config.hooks.on_response = Some(Arc::new(hook)))
    }

    /// Decides whether a response or a failed call is an error, and its `error.type`, which has to be
    /// of low cardinality. [`Outcome::client_error_type`] is what is taken without it.
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
}

/// What the user of a layer wants to decide or to know about each request.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) on_request: Option<Arc<OnRequest>>,
    pub(super) on_response: Option<Arc<OnResponse>>,
    classify_error: Option<Arc<ClassifyError>>,
}

type OnRequest = dyn Fn(RequestView<'_>, &SpanRef<'_>) + Send + Sync;
type OnResponse = dyn Fn(ResponseView<'_>, &SpanRef<'_>) + Send + Sync;
type ClassifyError = dyn Fn(Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync;

impl Hooks {
    /// The value of `error.type`, if this is an error.
    pub(super) fn error_type(&self, outcome: Outcome<'_>) -> Option<Cow<'static, str>> {
        match &self.classify_error {
            Some(classify) => classify(outcome),
            None => outcome.client_error_type(),
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_request", &self.on_request.is_some())
            .field("on_response", &self.on_response.is_some())
            .field("classify_error", &self.classify_error.is_some())
            .finish()
    }
}
