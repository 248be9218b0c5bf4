use std::error::Error;
use std::fmt;

use opentelemetry::trace::{SpanRef, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::context::{SpanId, TraceContext, TraceId};
use crate::otel::{ContextExt, learned};

/// The span of the request that is worked on, for whoever wants to add to it.
///
/// Without a span, as behind [`propagate_only`](super::ServerLayer::propagate_only) or outside of any
/// layer, everything is accepted and nothing happens. Clones are the same span. What is added after
/// its end is lost.
///
/// ```
/// use opentelemetry::KeyValue;
/// use throughline::http::SpanHandle;
///
/// let span = SpanHandle::current();
/// span.set_attribute(KeyValue::new("order.items", 3));
/// span.add_label(KeyValue::new("tenant", "blue"));
/// ```
#[derive(Clone, Default)]
pub struct SpanHandle {
    cx: Context,
}

impl SpanHandle {
    /// The active span of the current context.
    #[must_use]
    pub fn current() -> Self {
        Self { cx: Context::current() }
    }

    /// The context that the span is the active one of: the parent for spans of a task that outlives
    /// the request.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// OpenTelemetry's view of the span, for events, links and status.
    #[must_use]
    pub fn span(&self) -> SpanRef<'_> {
        self.cx.span()
    }

    /// The trace, for example for an error's text.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.cx.trace_context().parent().map(|parent| parent.trace_id())
    }

    /// The span, or the caller's if there is none of this process.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        self.cx.trace_context().parent().map(|parent| parent.parent_id())
    }

    /// What the next hop has to be told.
    #[must_use]
    pub fn trace_context(&self) -> TraceContext {
        self.cx.trace_context()
    }

    /// Whether somebody has opened a span since the request came in.
    #[cfg(feature = "axum")]
    pub(super) fn is_of_this_process(&self) -> bool {
        let span = self.cx.span();
        let span = span.span_context();
        span.is_valid() && !span.is_remote()
    }

    /// Adds an attribute to the span.
    pub fn set_attribute(&self, attribute: KeyValue) {
        self.cx.span().set_attribute(attribute);
    }

    /// Adds an error to the span as an event. It does not make the request an error: that is up to
    /// its response.
    pub fn record_error(&self, error: &dyn Error) {
        self.cx.span().record_error(error);
    }

    /// Adds a label to the metrics of the request, at most 8. The values of all requests together have
    /// to be few: a back end keeps one series for each.
    pub fn add_label(&self, label: KeyValue) {
        if let Some(learned) = learned(&self.cx) {
            learned.add_label(label);
        }
    }
}

/// Leaves out the context: what was received is part of it.
impl fmt::Debug for SpanHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanHandle").field("span", &self.span_id()).finish_non_exhaustive()
    }
}
