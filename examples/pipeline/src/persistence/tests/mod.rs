//! The service against a real SQLite file.

use std::sync::Arc;

use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use sqlx::Row;
use tempfile::TempDir;
use throughline_testkit::InMemorySpans;

use super::*;
use crate::event::{EventIds, OutputStream, RunnerEvent, StreamData, Todo, TodoStatus};
use crate::persistence::processor::Outcome;
use crate::secret::Secret;

mod effects;
mod exported;
mod files;
mod follow;
mod posted;
mod traced;

/// A service with a database of its own.
struct Bed {
    folder: TempDir,
    persistence: Arc<Persistence>,
    spans: InMemorySpans,
}

impl Bed {
    async fn new() -> Self {
        Self::with_meter(&SdkMeterProvider::default()).await
    }

    async fn with_meter(meters: &SdkMeterProvider) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let spans = InMemorySpans::for_service("persistence");
        let persistence = open(&folder, &spans, meters).await.expect("database");
        Self { folder, persistence: Arc::new(persistence), spans }
    }

    async fn persist(&self, event: &RunnerEvent) -> Outcome {
        self.persistence.persist(event).await.expect("stored")
    }

    async fn stream(&self, seq: u64, stream: &StreamData) -> Outcome {
        self.persist(&RunnerEvent::build_stream(ids(), seq, stream)).await
    }

    /// The first column of each row.
    async fn rows(&self, query: &'static str) -> Vec<String> {
        let rows = sqlx::query(query).fetch_all(self.persistence.store.reader()).await;
        rows.expect("rows").iter().map(|row| row.get(0)).collect()
    }

    /// The only value of the only row.
    async fn value(&self, query: &'static str) -> String {
        let rows = self.rows(query).await;
        assert_eq!(rows.len(), 1, "{query}");
        rows.concat()
    }
}

async fn open(
    folder: &TempDir,
    spans: &InMemorySpans,
    meters: &SdkMeterProvider,
) -> Result<Persistence, OpenError> {
    let tracer = BoxedTracer::new(Box::new(spans.provider().tracer("persistence")));
    let instruments = Instruments::new(tracer, &meters.meter("persistence"));
    Persistence::open(&url(folder), instruments).await
}

fn url(folder: &TempDir) -> String {
    format!("sqlite:{}", folder.path().join("builds.sqlite").display())
}

fn ids() -> EventIds {
    EventIds { project_id: "p".into(), command_id: "c".into(), session_id: Some("s".into()) }
}

fn todos(all: &[(&str, &str, TodoStatus)]) -> StreamData {
    let todos = all
        .iter()
        .map(|(id, content, status)| Todo {
            id: (*id).into(),
            content: (*content).into(),
            status: *status,
        })
        .collect();
    StreamData::TodoWrite { todos }
}

fn input(tool_call: &str) -> StreamData {
    StreamData::ToolInput {
        tool_call_id: tool_call.into(),
        tool_name: "cargo".into(),
        input: serde_json::json!({"args": ["build"]}),
    }
}

fn text(tool_call: &str, text: &str) -> StreamData {
    StreamData::TextDelta {
        tool_call_id: tool_call.into(),
        stream: OutputStream::Stdout,
        text: text.into(),
    }
}

fn output(tool_call: &str, exit_code: i32) -> StreamData {
    StreamData::ToolOutput {
        tool_call_id: tool_call.into(),
        exit_code: Some(exit_code),
        is_error: exit_code != 0,
    }
}
