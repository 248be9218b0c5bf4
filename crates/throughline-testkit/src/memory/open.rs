//! Spans that have started and not ended.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{SpanContext, SpanId, TraceId};

use crate::limits::MAX_SPANS;

/// The open spans of one collection, from the moment on that somebody asks for them.
///
/// Nothing is noted before: a collection without a leak check costs a span no allocation at its
/// start. At most [`MAX_SPANS`] are noted.
#[derive(Debug, Default)]
pub(crate) struct OpenSpans {
    tracked: AtomicBool,
    spans: Mutex<HashMap<SpanKey, OpenSpan>>,
}

impl OpenSpans {
    pub(crate) fn track(&self) {
        self.tracked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_tracked(&self) -> bool {
        self.tracked.load(Ordering::Relaxed)
    }

    pub(crate) fn start(&self, span: &SpanContext, name: impl Into<String>, service: &str) {
        let mut spans = self.lock();
        if spans.len() < MAX_SPANS {
            let open = OpenSpan { name: name.into(), service: service.to_owned() };
            spans.insert(SpanKey::of(span), open);
        }
    }

    pub(crate) fn end(&self, span: &SpanContext) {
        self.lock().remove(&SpanKey::of(span));
    }

    /// The spans, ordered by service and name.
    pub(crate) fn list(&self) -> Vec<(SpanKey, OpenSpan)> {
        let mut spans: Vec<_> =
            self.lock().iter().map(|(key, span)| (*key, span.clone())).collect();
        spans.sort_by(|(_, a), (_, b)| a.cmp(b));
        spans
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SpanKey, OpenSpan>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What identifies a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SpanKey {
    trace_id: TraceId,
    pub(crate) span_id: SpanId,
}

impl SpanKey {
    fn of(span: &SpanContext) -> Self {
        Self { trace_id: span.trace_id(), span_id: span.span_id() }
    }
}

/// What is told about a span that did not end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OpenSpan {
    service: String,
    name: String,
}

impl fmt::Display for OpenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.name, self.service)
    }
}
