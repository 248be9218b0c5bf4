use opentelemetry::Context;

use crate::otel::without_hold;

/// The current context for work that is not waited for: all of it but the span itself, which becomes
/// a name that the work's own spans are children of.
///
/// Spans of OpenTelemetry end where the last context that holds them is dropped. A task or a message
/// that held its parent would stretch that for as long as it lives, or for ever. What is lost by that:
/// an attribute or event that the work wants to add to its parent. Work that is waited for, and does
/// add some, runs in `Context::current()` instead.
///
/// Costs an allocation if the span is being recorded, and none otherwise.
///
/// ```
/// use opentelemetry::Context;
/// use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
/// use throughline::task::detached;
/// use throughline_testkit::InMemorySpans;
///
/// let spans = InMemorySpans::new();
/// let kept = spans.provider().tracer("docs").in_span("order", |_| detached());
/// // It has ended, though its context is still here.
/// assert_eq!(spans.only().span_id, kept.span().span_context().span_id().to_string());
/// ```
#[must_use]
pub fn detached() -> Context {
    Context::map_current(without_hold)
}
