//! What people who come from Sentry's SDKs look for, in the words that they know it by.
//!
//! Each is a line or two over OpenTelemetry: a verb gives a [`Context`], which is attached or runs a
//! future with [`in_context`](super::ContextFuture::in_context).
//!
//! | Sentry's SDKs | here |
//! |---|---|
//! | `continueTrace(headers, work)` | [`continue_trace`] |
//! | `startSpan({ name, op }, work)` | [`start_span`] |
//! | `getTraceData()` | [`trace_data`] |
//! | `startNewTrace(work)` | [`new_trace`] |
//! | `suppressTracing(work)` | [`suppress`] |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use throughline::otel::ContextFuture;
//! use throughline::otel::verbs::{continue_trace, start_span, trace_data};
//! use throughline::propagation::Propagator;
//!
//! let propagator = Propagator::default();
//! let job = [("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1")];
//! let resized = async {
//!     start_span("resize", "image.resize").run(async { trace_data(&propagator) }).await
//! };
//! let told = resized.in_context(continue_trace(&propagator, &job)).await;
//! assert!(told.iter().any(|(name, value)| {
//!     *name == "sentry-trace" && value.starts_with("0af7651916cd43dd8448eb211c80319c-")
//! }));
//! # });
//! ```

use std::borrow::Cow;

use opentelemetry::trace::Tracer;
use opentelemetry::{Context, KeyValue, StringValue, global};

use super::{ActiveSpan, ContextExt, scope};
use crate::context::TraceContext;
use crate::propagation::{Extractor, Propagator};

/// The context of a trace that somebody else began, with what a message or job says about it. Without
/// anything of that kind, it is that of no trace, never the current one (rule BO-4).
///
/// It makes no span (rule SE-12). For requests of HTTP there is `ServerLayer`.
///
/// ```
/// use throughline::otel::ContextExt;
/// use throughline::otel::verbs::continue_trace;
/// use throughline::propagation::Propagator;
///
/// let job = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
/// let cx = continue_trace(&Propagator::default(), &job);
/// assert!(cx.trace_context().parent().is_some());
/// ```
#[must_use]
pub fn continue_trace(propagator: &Propagator, carrier: &(impl Extractor + ?Sized)) -> Context {
    Context::new().with_trace_context(propagator.extract(carrier).context)
}

/// Starts a span below the current one, by the global tracer provider. `op` becomes its attribute
/// `sentry.op`; the name is one of few, without ids.
///
/// With a provider of your own, or more to say about the span: [`ActiveSpan::start`].
///
/// ```
/// use throughline::otel::verbs::start_span;
///
/// let size = start_span("resize", "image.resize").in_scope(|| 7);
/// assert_eq!(size, 7);
/// ```
pub fn start_span(name: impl Into<Cow<'static, str>>, op: impl Into<StringValue>) -> ActiveSpan {
    let tracer = global::tracer_with_scope(scope());
    let op = KeyValue::new("sentry.op", op.into());
    ActiveSpan::start(&tracer, tracer.span_builder(name).with_attributes([op]))
}

/// What the next hop has to be told of the current trace, as names and values: for a page's `<meta>`
/// elements, or for a carrier that nobody knows. Empty outside of any trace.
///
/// ```
/// use throughline::otel::verbs::trace_data;
/// use throughline::propagation::Propagator;
///
/// assert!(trace_data(&Propagator::default()).is_empty());
/// ```
#[must_use]
pub fn trace_data(propagator: &Propagator) -> Vec<(&'static str, String)> {
    let mut told = Vec::new();
    propagator.inject(&TraceContext::current(), &mut told);
    told
}

/// The current context without its trace: the next span begins a new one.
///
/// The application's baggage and suppression stay. Ids, `tracestate` and Sentry's sampling context
/// belong to the old trace, and stay behind (rule TS-12).
///
/// ```
/// use throughline::context::TraceContext;
/// use throughline::otel::verbs::{continue_trace, new_trace};
/// use throughline::propagation::Propagator;
///
/// let received = [
///     ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
///     ("baggage", "tenant=7"),
/// ];
/// let _old = continue_trace(&Propagator::default(), &received).attach();
/// let _new = new_trace().attach();
/// assert_eq!(TraceContext::current().parent(), None);
/// assert_eq!(TraceContext::current().baggage().as_str(), "tenant=7");
/// ```
#[must_use]
pub fn new_trace() -> Context {
    Context::map_current(|cx| cx.with_trace_context(without_trace(cx)))
}

/// The current context with spans switched off: for an exporter's own calls, or health checks that
/// nobody wants to see. The trace is still there for [`trace_data`], tasks and child processes; requests,
/// connections and messages of this crate tell nobody of it.
///
/// ```
/// use opentelemetry::Context;
/// use throughline::otel::verbs::suppress;
///
/// let _current = suppress().attach();
/// assert!(Context::is_current_telemetry_suppressed());
/// ```
#[must_use]
pub fn suppress() -> Context {
    Context::map_current(Context::with_telemetry_suppressed)
}

/// What does not belong to the trace that it came in with: the application's baggage.
pub(crate) fn without_trace(cx: &Context) -> TraceContext {
    let mut kept = TraceContext::new();
    *kept.baggage_mut() = cx.trace_context().baggage().clone();
    kept.baggage_mut().retain(|member| !member.is_sentry());
    kept
}
