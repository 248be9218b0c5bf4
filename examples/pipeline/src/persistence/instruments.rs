//! Spans and metrics of the persistence service.

use std::borrow::Cow;
use std::time::Duration;

use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use throughline::websocket::Envelope;

use super::PersistError;
use super::collector::Collector;
use super::processor::Outcome;
use super::sql::Statement;
use crate::event::{EventType, RunnerEvent};

/// Where spans and metrics go.
pub(crate) struct Instruments {
    tracer: BoxedTracer,
    processed: Counter<u64>,
    refused: Counter<u64>,
    duration: Histogram<f64>,
    pub(super) envelope: Envelope,
    /// Where the spans of web pages go, if anywhere.
    pub(super) collector: Option<Collector>,
}

impl Instruments {
    /// Uses the given tracer and meter.
    pub(crate) fn new(tracer: BoxedTracer, meter: &Meter) -> Self {
        Self {
            tracer,
            processed: meter
                .u64_counter("events.processed.total")
                .with_description("Events that were offered to the database, by outcome")
                .build(),
            refused: meter
                .u64_counter("events.refused.total")
                .with_description("Requests with an event that was not taken, by reason")
                .build(),
            duration: meter
                .f64_histogram("persistence.duration")
                .with_unit("s")
                .with_description("Time from the event's arrival to its commit")
                .build(),
            envelope: Envelope::json(),
            collector: None,
        }
    }

    /// Sends the context of each broadcast to the web pages in this envelope.
    pub(crate) fn with_envelope(self, envelope: Envelope) -> Self {
        Self { envelope, ..self }
    }

    /// Passes the spans of web pages on to this collector.
    pub(crate) fn with_collector(self, collector: Option<Collector>) -> Self {
        Self { collector, ..self }
    }

    /// Starts the span of an event below `parent`.
    pub(super) fn start_event(&self, parent: &Context, event: &RunnerEvent) -> Context {
        let final_status = final_status(event.kind());
        let (name, op) = match final_status {
            Some(status) => {
                (format!("persistent-processor.finalizeSession.{status}"), "db.persist.finalize")
            }
            None => (
                format!("persistent-processor.persistEvent.{}", event.inner_type()),
                "db.persist.event",
            ),
        };
        let mut attributes = vec![
            KeyValue::new("sentry.op", op),
            KeyValue::new("event.type", event.inner_type().to_owned()),
            KeyValue::new("event.projectId", event.ids.project_id.clone()),
            KeyValue::new("event.commandId", event.ids.command_id.clone()),
            KeyValue::new("event.sessionId", event.session_id().to_owned()),
            KeyValue::new("event.seq", event.seq.cast_signed()),
        ];
        attributes.extend(final_status.map(|status| KeyValue::new("session.status", status)));
        self.start(parent, name, SpanKind::Consumer, attributes)
    }

    /// Ends the span of an event and counts it.
    pub(super) fn end_event(
        &self,
        cx: &Context,
        event: &RunnerEvent,
        took: Duration,
        result: &Result<Outcome, PersistError>,
    ) {
        let span = cx.span();
        let outcome = match result {
            Ok(outcome) => {
                if *outcome == Outcome::Duplicate {
                    span.set_attribute(KeyValue::new("event.duplicate", true));
                }
                outcome.as_str()
            }
            Err(error) => {
                // Without a place to export to, the span is nowhere to be seen.
                let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
                let cause = cause.unwrap_or_default();
                eprintln!("pipeline persistence: an event was not stored: {error}{cause}");
                span.set_attribute(KeyValue::new("error.type", error.name()));
                span.set_status(Status::error(error.to_string()));
                error.name()
            }
        };
        span.end();
        let kind = KeyValue::new("event.type", metric_type(event));
        self.processed.add(1, &[kind.clone(), KeyValue::new("outcome", outcome)]);
        self.duration.record(took.as_secs_f64(), &[kind]);
    }

    /// Counts a request whose event was not taken.
    pub(super) fn count_refused(&self, reason: String) {
        self.refused.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// Starts the span of a message to web pages.
    pub(super) fn start_broadcast(&self, parent: &Context, subscribers: usize) -> Context {
        let subscribers = i64::try_from(subscribers).unwrap_or(i64::MAX);
        let attributes = vec![
            KeyValue::new("sentry.op", "websocket.broadcast"),
            KeyValue::new("subscribers", subscribers),
        ];
        self.start(parent, "broadcast", SpanKind::Producer, attributes)
    }

    /// Executes a statement inside a span of its own.
    pub(super) async fn execute<T>(
        &self,
        parent: &Context,
        statement: &Statement,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, PersistError> {
        let cx = self.start_statement(parent, statement);
        end_statement(&cx, statement, work.await)
    }

    /// Executes a statement that returns rows inside a span of its own, which counts them.
    pub(super) async fn select<T>(
        &self,
        parent: &Context,
        statement: &Statement,
        work: impl Future<Output = Result<Vec<T>, sqlx::Error>>,
    ) -> Result<Vec<T>, PersistError> {
        let cx = self.start_statement(parent, statement);
        let result = work.await;
        if let Ok(rows) = &result {
            let rows = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            cx.span().set_attribute(KeyValue::new("db.response.returned_rows", rows));
        }
        end_statement(&cx, statement, result)
    }

    fn start_statement(&self, parent: &Context, statement: &Statement) -> Context {
        let mut attributes = vec![
            KeyValue::new("db.system.name", "sqlite"),
            KeyValue::new("db.operation.name", statement.operation),
            KeyValue::new("db.query.text", statement.text),
        ];
        attributes
            .extend(statement.collection.map(|name| KeyValue::new("db.collection.name", name)));
        self.start(parent, statement.name(), SpanKind::Client, attributes)
    }

    fn start(
        &self,
        parent: &Context,
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        attributes: Vec<KeyValue>,
    ) -> Context {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        parent.with_span(self.tracer.build_with_context(builder, parent))
    }
}

/// The status that an event of this type gives its session.
pub(super) fn final_status(kind: EventType) -> Option<&'static str> {
    match kind {
        EventType::BuildCompleted => Some("completed"),
        EventType::BuildFailed => Some("failed"),
        _ => None,
    }
}

fn end_statement<T>(
    cx: &Context,
    statement: &Statement,
    result: Result<T, sqlx::Error>,
) -> Result<T, PersistError> {
    let span = cx.span();
    if let Err(error) = &result {
        span.set_attribute(KeyValue::new("error.type", error_type(error)));
        span.set_status(Status::error(error.to_string()));
    }
    span.end();
    result.map_err(|source| PersistError::Database { statement: statement.name(), source })
}

/// SQLite's code if it answered, else the driver's reason.
fn error_type(error: &sqlx::Error) -> Cow<'static, str> {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("sqlite_{code}").into(),
            None => "database".into(),
        },
        sqlx::Error::Io(_) => "io".into(),
        sqlx::Error::PoolTimedOut => "pool_timed_out".into(),
        sqlx::Error::PoolClosed => "pool_closed".into(),
        sqlx::Error::WorkerCrashed => "worker_crashed".into(),
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => "decode".into(),
        _ => "_OTHER".into(),
    }
}

/// A metric keeps a series per label for ever, so words that a sender chooses become one.
fn metric_type(event: &RunnerEvent) -> &'static str {
    match event.inner_type() {
        "todo-write" => "todo-write",
        "tool-input" => "tool-input",
        "text-delta" => "text-delta",
        "tool-output" => "tool-output",
        _ if event.kind() == EventType::BuildStream => "other",
        _ => event.kind().as_str(),
    }
}
