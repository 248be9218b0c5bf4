use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The context that a client calls from, where it is another than the current one.
///
/// tracing-opentelemetry makes the context of an entered span the current one, unless it was told not
/// to (`with_context_activation(false)`): then the span is asked for it.
pub(in crate::http) fn ambient() -> Option<Context> {
    let span = Span::current();
    let own = span.context();
    let id = own.span().span_context().clone();
    if !id.is_valid() || is_current(&id) {
        return None;
    }
    // Whether contexts are made current is seen when the span is entered once more. If they are,
    // somebody has put another one on top of this span's, which is the inner one.
    let activates = span.in_scope(|| is_current(&id));
    (!activates).then_some(own)
}

fn is_current(id: &SpanContext) -> bool {
    Context::map_current(|cx| cx.span().span_context() == id)
}
