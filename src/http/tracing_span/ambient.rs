use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The context that a client calls from, where this one is the current one.
///
/// tracing-opentelemetry makes the context of an entered span the current one, unless it was told not
/// to (`with_context_activation(false)`): then the span is asked for it.
pub(in crate::http) fn ambient(current: Context) -> Context {
    let span = Span::current();
    let own = span.context();
    let id = own.span().span_context().clone();
    if !id.is_valid() || is_active(&current, &id) {
        return current;
    }
    // Whether contexts are made current is seen when the span is entered once more. If they are,
    // somebody has put another one on top of this span's, which is the inner one.
    let activated = span.in_scope(|| Context::map_current(|inside| is_active(inside, &id)));
    if activated { current } else { own }
}

fn is_active(cx: &Context, id: &SpanContext) -> bool {
    cx.span().span_context() == id
}
