use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

/// All of a context but the span itself, which becomes a name that others are children of.
///
/// Spans of OpenTelemetry end where the last context that holds them is dropped: what lives longer than
/// its parent would stretch that.
pub(crate) fn without_hold(cx: &Context) -> Context {
    let span = cx.span();
    // A span that is not recorded, or is over, has no end that could be delayed.
    if !span.is_recording() {
        return cx.clone();
    }
    cx.with_remote_span_context(span.span_context().clone())
}
