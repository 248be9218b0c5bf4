//! Posts events to the API.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};
use throughline::otel::{ContextExt, ContextFuture, link_to};
use throughline::propagation::Extraction;
use tokio::sync::mpsc;

use super::Broker;
use crate::backoff::Backoff;
use crate::event::RunnerEvent;
use crate::post::Answer;
use crate::protocol::BrokerMessage;
use crate::refusal::Refusal;

/// An event as it came in.
pub(super) struct Job {
    pub(super) event: RunnerEvent,
    pub(super) text: Utf8Bytes,
    pub(super) extraction: Extraction,
}

/// Forwards events in their order, until there are no more, and reports what became of each.
pub(super) async fn forward_all(
    broker: Arc<Broker>,
    mut jobs: mpsc::Receiver<Job>,
    replies: mpsc::Sender<BrokerMessage>,
) {
    while let Some(job) = jobs.recv().await {
        let (command_id, seq) = (job.event.ids.command_id.clone(), job.event.seq);
        if !job.event.kind().is_traced() {
            heartbeat(&broker, job).await;
            continue;
        }
        let reply = match forward(&broker, job).await {
            Ok(()) => BrokerMessage::Ack { command_id, seq },
            Err(refusal) => BrokerMessage::Refused {
                command_id: Some(command_id),
                seq: Some(seq),
                error: refusal.name,
                reason: refusal.reason,
            },
        };
        // A runner that asked for no answers, or has hung up, reads none.
        let _ = replies.send(reply).await;
    }
}

/// Posts an event until it is committed or refused, in a span below the runner's.
async fn forward(broker: &Broker, job: Job) -> Result<(), Refusal> {
    let Job { event, text, extraction } = job;
    let kind = event.kind().as_str();
    let parent = Context::new().with_trace_context(extraction.context);
    let span = SpanBuilder::from_name(format!("broker.forwardEvent.{kind}"))
        .with_kind(SpanKind::Consumer)
        .with_links(extraction.link.iter().map(link_to).collect())
        .with_attributes([
            KeyValue::new("sentry.op", "broker.event.forward"),
            KeyValue::new("event.type", kind),
            KeyValue::new("event.projectId", event.ids.project_id.clone()),
            KeyValue::new("event.commandId", event.ids.command_id.clone()),
        ]);
    let cx = parent.with_span(broker.tracer.build_with_context(span, &parent));
    // The payload names this span as the next hop's parent, and so do the headers.
    let text = broker.relay.forward_text(&text, &cx.trace_context()).into_owned();
    let outcome = post(broker, Bytes::from(text)).in_context(cx.clone()).await;

    let span = cx.span();
    let name = match &outcome {
        Ok(()) => "taken",
        Err(refusal) => {
            span.set_attribute(KeyValue::new("error.type", refusal.name.clone()));
            span.set_status(Status::error(refusal.reason.clone()));
            "refused"
        }
    };
    span.end();
    broker.forwarded.add(1, &[KeyValue::new("event.type", kind), KeyValue::new("outcome", name)]);
    outcome
}

async fn post(broker: &Broker, text: Bytes) -> Result<(), Refusal> {
    let mut backoff = Backoff::default();
    loop {
        match broker.target.event(text.clone()).await {
            Answer::Taken => return Ok(()),
            Answer::Refused(refusal) => {
                eprintln!(
                    "pipeline broker: the API refused an event ({}): {}",
                    refusal.name, refusal.reason
                );
                return Err(refusal);
            }
            Answer::Unavailable(reason) => {
                let wait = backoff.next();
                eprintln!(
                    "pipeline broker: the API did not take an event, again in {wait:.1?}: {reason}"
                );
                Context::map_current(|cx| cx.span().add_event("retry", Vec::new()));
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Posts a heartbeat once: whoever misses it hears the next.
async fn heartbeat(broker: &Broker, job: Job) {
    let text = Bytes::copy_from_slice(job.text.as_bytes());
    if let Answer::Refused(refusal) = broker.target.event(text).in_context(untraced()).await {
        eprintln!("pipeline broker: the API refused a heartbeat: {}", refusal.reason);
    }
}

/// The context of what nobody is to trace. Without one, the next service would begin a trace of its
/// own; this one says that its sender has decided against it.
fn untraced() -> Context {
    let (trace, span) = (fastrand::u128(1..), fastrand::u64(1..));
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(trace),
        SpanId::from(span),
        TraceFlags::default(),
        true,
        TraceState::NONE,
    ))
}
