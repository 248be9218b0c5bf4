//! Turns what happens in a build into numbered events, each in a span of its own.

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{SpanBuilder, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use serde_json::Value;
use throughline::otel::ContextExt;
use throughline::websocket::Envelope;

use super::outbox::Outbox;
use crate::event::{EventIds, EventType, RunnerEvent, StreamData};

/// Reports one build.
pub(super) struct Reporter<'a> {
    ids: EventIds,
    tracer: &'a BoxedTracer,
    envelope: &'a Envelope,
    outbox: &'a Outbox,
    seq: u64,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(
        ids: EventIds,
        tracer: &'a BoxedTracer,
        envelope: &'a Envelope,
        outbox: &'a Outbox,
    ) -> Self {
        Self { ids, tracer, envelope, outbox, seq: 0 }
    }

    /// Number of events so far.
    pub(super) fn events(&self) -> u64 {
        self.seq
    }

    /// Reports progress.
    pub(super) async fn stream(&mut self, data: &StreamData) {
        let seq = self.next();
        self.send(RunnerEvent::build_stream(self.ids.clone(), seq, data)).await;
    }

    /// Reports the end of the build.
    pub(super) async fn completed(&mut self) {
        let seq = self.next();
        self.send(RunnerEvent::build_completed(self.ids.clone(), seq, 0)).await;
    }

    /// Reports the end of the build.
    pub(super) async fn failed(&mut self, exit_code: Option<i32>, reason: &str) {
        let seq = self.next();
        self.send(RunnerEvent::build_failed(self.ids.clone(), seq, exit_code, reason)).await;
    }

    /// Reports what is no progress: facts about the project, or an error.
    pub(super) async fn json(&mut self, kind: EventType, data: &Value) {
        let seq = self.next();
        // Only a type whose data has a shape of its own can be refused here, and those have methods.
        if let Ok(event) = RunnerEvent::with_json(kind, self.ids.clone(), seq, data) {
            self.send(event).await;
        }
    }

    fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Hands an event over, with its span's context in it. The span ends with the acknowledgement.
    /// Waits while the outbox is full.
    async fn send(&self, event: RunnerEvent) {
        let kind = event.kind().as_str();
        let span = SpanBuilder::from_name(format!("runner.sendEvent.{kind}"))
            .with_kind(SpanKind::Producer)
            .with_attributes([
                KeyValue::new("sentry.op", "runner.event.send"),
                KeyValue::new("event.type", kind),
                KeyValue::new("event.projectId", event.ids.project_id.clone()),
                KeyValue::new("event.commandId", event.ids.command_id.clone()),
                KeyValue::new("event.seq", event.seq.cast_signed()),
            ]);
        let parent = Context::current();
        let cx = parent.with_span(self.tracer.build_with_context(span, &parent));
        let text = self.envelope.inject(&event.to_json(), &cx.trace_context()).into_owned();
        self.outbox.push(event.ids.command_id, event.seq, text, cx).await;
    }
}
