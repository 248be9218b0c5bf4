//! What the tests send, what they send it through, and what they wait for: events only, each wait with
//! a bound.

mod queue;
mod raw_record;
mod topic;

pub(crate) use queue::Queue;
pub(crate) use topic::{Topic, pairs};

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use throughline::context::{TraceContext, TraceParent};
use throughline::otel::{ContextExt, link_to};
use throughline::propagation::{Extraction, Propagator};
use throughline_testkit::InMemorySpans;

/// Bound of every wait: far above what a loaded machine needs, since reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
pub(crate) const STATE: &str = "a=1,b=2";
pub(crate) const BAGGAGE: &str =
    "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-sample_rand=0.5,tenant=7";

/// Messages of a batch.
pub(crate) const BATCH: u128 = 20;

/// Waits for something, and says what it was if it does not come.
pub(crate) async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

pub(crate) fn propagator() -> Propagator {
    Propagator::default().forward_baggage(true)
}

/// What a caller has sent that speaks both dialects.
pub(crate) fn received() -> TraceContext {
    let sentry = format!("{TRACE}-b7ad6b7169203331-1");
    let headers = [
        ("traceparent", PARENT),
        ("tracestate", STATE),
        ("sentry-trace", &sentry),
        ("baggage", BAGGAGE),
    ];
    propagator().extract(&headers[..]).context
}

/// A context in the trace with that number.
pub(crate) fn numbered(trace: u128) -> TraceContext {
    let parent: TraceParent = format!("00-{trace:032x}-b7ad6b7169203331-01").parse().unwrap();
    parent.into()
}

/// A context whose span, made here, goes on with a trace.
pub(crate) fn span_of(spans: &InMemorySpans, kind: SpanKind, trace: TraceContext) -> Context {
    let tracer = spans.provider().tracer("test");
    let name = if kind == SpanKind::Producer { "send" } else { "process" };
    let parent = Context::new().with_trace_context(trace);
    let span = tracer.span_builder(name).with_kind(kind).start_with_context(&tracer, &parent);
    parent.with_span(span)
}

/// The headers that have to arrive, in alphabetical order.
pub(crate) fn headers_of(cx: &Context) -> Vec<(String, String)> {
    let span = cx.span().span_context().span_id();
    [
        ("baggage", BAGGAGE.to_owned()),
        ("sentry-trace", format!("{TRACE}-{span}-1")),
        ("traceparent", format!("00-{TRACE}-{span}-01")),
        ("tracestate", STATE.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The traces that a span links to which processes all these messages at once.
pub(crate) fn links_of_batch(batch: &[Extraction]) -> Vec<String> {
    let spans = InMemorySpans::new();
    let tracer = spans.provider().tracer("test");
    let links = batch.iter().filter_map(|found| found.context.parent()).map(link_to).collect();
    drop(tracer.span_builder("process batch").with_links(links).start(&tracer));
    let span = spans.finished().remove(0);
    span.links.into_iter().map(|link| link.trace_id).collect()
}

/// The traces of a batch, in order.
pub(crate) fn traces_of_batch() -> Vec<String> {
    (1..=BATCH).map(|trace| format!("{trace:032x}")).collect()
}

pub(crate) fn rules(found: &Extraction) -> Vec<&'static str> {
    found.refused.iter().map(|error| error.rule().id()).collect()
}
