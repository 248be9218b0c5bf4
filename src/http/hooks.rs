use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::SpanRef;

use super::{EndView, Outcome, RequestView, ResponseView};

/// What the user of a layer wants to decide or to know about each request.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) span_name: Option<Arc<SpanName>>,
    pub(super) on_request: Option<Arc<OnRequest>>,
    pub(super) on_response: Option<Arc<OnResponse>>,
    pub(super) on_end: Option<Arc<OnEnd>>,
    pub(super) classify_error: Option<Arc<ClassifyError>>,
}

type SpanName = dyn Fn(RequestView<'_>) -> Cow<'static, str> + Send + Sync;
type OnRequest = dyn Fn(RequestView<'_>, &SpanRef<'_>) + Send + Sync;
type OnResponse = dyn Fn(ResponseView<'_>, &SpanRef<'_>) + Send + Sync;
type OnEnd = dyn Fn(EndView<'_>, &SpanRef<'_>) + Send + Sync;
type ClassifyError = dyn Fn(Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync;

impl Hooks {
    /// The value of `error.type`, if this is an error.
    pub(super) fn error_type(&self, outcome: Outcome<'_>) -> Option<Cow<'static, str>> {
        match &self.classify_error {
            Some(classify) => classify(outcome),
            None => outcome.error_type(),
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("span_name", &self.span_name.is_some())
            .field("on_request", &self.on_request.is_some())
            .field("on_response", &self.on_response.is_some())
            .field("on_end", &self.on_end.is_some())
            .field("classify_error", &self.classify_error.is_some())
            .finish()
    }
}
