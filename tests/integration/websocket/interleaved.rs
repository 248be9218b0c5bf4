//! Many traces on one connection, its halves on two tasks each.

use futures_util::StreamExt;
use opentelemetry::Context;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use throughline::context::{Decision, SpanId, TraceContext, TraceId, TraceParent};
use throughline::otel::{ContextExt, ContextFuture};
use throughline::websocket::{ReceiveHalf, SendHalf, TracedWebSocket};
use tokio::task::JoinSet;

use super::{Socket, sockets, tracing};
use crate::checked_spans::CheckedSpans;

/// An event that says which trace it belongs to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked {
    trace: u8,
}

fn context(trace: u8) -> TraceContext {
    let id = TraceId::from_u128(u128::from(trace) + 1).unwrap();
    TraceContext::from(TraceParent::new(id, SpanId::from_u64(7).unwrap(), Decision::Sampled))
}

async fn send_all(mut sender: TracedWebSocket<SendHalf<Socket>>, traces: Vec<u8>) {
    for trace in traces {
        let cx = Context::new().with_trace_context(context(trace));
        sender.send_traced(&Marked { trace }).in_context(cx).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// Works on so many events at once.
async fn work_on(receiver: TracedWebSocket<ReceiveHalf<Socket>>, events: usize) {
    let mut receiver = receiver.take(events);
    let mut work = JoinSet::new();
    while let Some(incoming) = receiver.next().await {
        work.spawn(incoming.unwrap().in_span(async |event: Marked| {
            for _ in 0..event.trace {
                tokio::task::yield_now().await;
            }
            let current = TraceContext::current();
            let expected = context(event.trace);
            assert_eq!(current.parent().unwrap().trace_id(), expected.parent().unwrap().trace_id());
        }));
    }
    let done = work.join_all().await;
    assert_eq!(done.iter().filter(|done| matches!(done, Ok(Some(())))).count(), events);
}

async fn both_ways(there: Vec<u8>, back: Vec<u8>) {
    let spans = CheckedSpans::new();
    let (client, server) = sockets().await;
    let (client_out, client_in) = TracedWebSocket::new(client, tracing(&spans)).split();
    let (server_out, server_in) = TracedWebSocket::new(server, tracing(&spans)).split();
    let (sent, sent_back) = (there.len(), back.len());
    tokio::join!(
        send_all(client_out, there),
        send_all(server_out, back),
        work_on(server_in, sent),
        work_on(client_in, sent_back),
    );
    let all = spans.finished();
    assert_eq!(all.len(), 2 + 2 * (sent + sent_back), "two connections, and two for each event");
    for span in all.iter().filter(|span| span.name != "connection") {
        assert_eq!(span.links.len(), 1);
        let parent = span.parent_span_id.as_ref().unwrap();
        let parent = all.iter().find(|other| other.span_id == *parent);
        assert_eq!(parent.is_some(), span.name == "process events", "never the connection");
        assert!(parent.is_none_or(|parent| parent.trace_id == span.trace_id));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn traces_on_one_socket_are_kept_apart(
        there in prop::collection::vec(0..5u8, 0..40),
        back in prop::collection::vec(0..5u8, 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(tokio::task::LocalSet::new().run_until(both_ways(there, back)));
    }
}
