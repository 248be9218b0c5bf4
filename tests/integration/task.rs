//! Tasks, channels, streams and child processes: the context goes where the work goes, and stays there.

use std::collections::BTreeMap;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry_sdk::trace::SdkTracer;
use throughline::context::TraceContext;
use throughline::otel::ContextExt;
use throughline::otel::verbs::continue_trace;
use throughline::propagation::Propagator;
use throughline_testkit::InMemorySpans;

mod batches;
mod channels;
mod commands;
mod interleaved;
mod lifecycle;
mod linked;
mod spawned;
mod streams;
#[cfg(feature = "tracing")]
mod with_tracing;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const OTHER: &str = "00-11111111111111111111111111111111-2222222222222222-01";

/// What a caller sent, with all that it can send, and something in OpenTelemetry's baggage.
fn caller() -> Context {
    let cx = continue_trace(
        &Propagator::default(),
        &[
            ("traceparent", format!("00-{TRACE_ID}-{CALLER}-01")),
            ("tracestate", "v=1".to_owned()),
            ("sentry-trace", format!("{TRACE_ID}-{CALLER}-1")),
            ("baggage", "tenant=7,sentry-release=shop%401".to_owned()),
        ],
    );
    cx.with_baggage([opentelemetry::KeyValue::new("cart", "3")])
}

/// The context of somebody else, who happens to run on the same thread.
fn stranger() -> Context {
    continue_trace(&Propagator::default(), &[("traceparent", OTHER)])
}

/// Whether all of [`caller`] is current, and nothing else.
fn is_callers() -> bool {
    Context::map_current(|cx| {
        let cart = cx.baggage().get("cart").map(ToString::to_string);
        cart.as_deref() == Some("3") && !cx.is_telemetry_suppressed()
    }) && is_of_caller(&TraceContext::current())
}

fn is_of_caller(trace: &TraceContext) -> bool {
    let fields = |trace: &TraceContext| {
        let mut fields = BTreeMap::new();
        Propagator::default().forward_baggage(true).inject(trace, &mut fields);
        fields
    };
    let sent = fields(&caller().trace_context());
    assert_eq!(sent.len(), 4, "{sent:?}");
    fields(trace) == sent
}

fn tracer(spans: &InMemorySpans) -> SdkTracer {
    use opentelemetry::trace::TracerProvider;
    spans.provider().tracer("test")
}

/// Yields, so that something is polled more than once.
async fn later<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    work()
}
