//! What a caller wants to decide or to add, as functions.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::SpanRef;

use crate::http::{Outcome, RequestView, ResponseView};

/// The functions that a layer was given.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) filter: Option<Arc<Filter>>,
    pub(super) span_name: Option<Arc<SpanName>>,
    pub(super) on_request: Option<Arc<OnRequest>>,
    pub(super) on_response: Option<Arc<OnResponse>>,
    pub(super) classify_error: Option<Arc<ClassifyError>>,
}

pub(super) type Filter = dyn Fn(RequestView<'_>) -> bool + Send + Sync;
pub(super) type SpanName = dyn Fn(RequestView<'_>) -> Option<Cow<'static, str>> + Send + Sync;
pub(super) type OnRequest = dyn Fn(RequestView<'_>, &SpanRef<'_>) + Send + Sync;
pub(super) type OnResponse = dyn Fn(ResponseView<'_>, &SpanRef<'_>) + Send + Sync;
pub(super) type ClassifyError = dyn Fn(Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync;

impl Hooks {
    pub(super) fn wants_span(&self, request: RequestView<'_>) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter(request))
    }

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
            .field("filter", &self.filter.is_some())
            .field("span_name", &self.span_name.is_some())
            .field("on_request", &self.on_request.is_some())
            .field("on_response", &self.on_response.is_some())
            .field("classify_error", &self.classify_error.is_some())
            .finish()
    }
}
