use std::sync::Mutex;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, Temporality};
use throughline_testkit::SpanRecord;

use super::*;

/// The context that a caller on another machine sent.
fn caller() -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(0xabc_u128),
        SpanId::from(0xdef_u64),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    ))
}

fn only<'a>(spans: &'a [SpanRecord], name: &str) -> &'a SpanRecord {
    let mut named = spans.iter().filter(|span| span.name == name);
    let span = named.next().expect(name);
    assert!(named.next().is_none(), "{name} more than once");
    span
}

#[tokio::test]
async fn every_statement_and_the_broadcast_is_a_span_below_the_event() {
    let bed = Bed::new().await;
    let one = [("a", "Build", TodoStatus::Pending)];
    bed.stream(1, &todos(&one)).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    persistence  persistent-processor.persistEvent.todo-write  CONSUMER
    persistence    BEGIN  CLIENT
    persistence    INSERT generation_events  CLIENT
    persistence    INSERT generation_sessions  CLIENT
    persistence    INSERT generation_todos  CLIENT
    persistence    SELECT generation_todos  CLIENT
    persistence    SELECT generation_tool_calls  CLIENT
    persistence    UPDATE generation_sessions  CLIENT
    persistence    COMMIT  CLIENT
    persistence    broadcast  PRODUCER
    ");
    bed.spans.clear();
    bed.stream(2, &text("t", "x")).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    persistence  persistent-processor.persistEvent.text-delta  CONSUMER
    persistence    BEGIN  CLIENT
    persistence    INSERT generation_events  CLIENT
    persistence    INSERT generation_sessions  CLIENT
    persistence    INSERT generation_tool_calls  CLIENT
    persistence    SELECT generation_todos  CLIENT
    persistence    SELECT generation_tool_calls  CLIENT
    persistence    UPDATE generation_sessions  CLIENT
    persistence    COMMIT  CLIENT
    persistence    broadcast  PRODUCER
    ");
    bed.spans.clear();
    bed.persist(&RunnerEvent::build_completed(ids(), 3, 0)).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    persistence  persistent-processor.finalizeSession.completed  CONSUMER
    persistence    BEGIN  CLIENT
    persistence    INSERT generation_events  CLIENT
    persistence    INSERT generation_sessions  CLIENT
    persistence    UPDATE generation_sessions  CLIENT
    persistence    SELECT generation_todos  CLIENT
    persistence    SELECT generation_tool_calls  CLIENT
    persistence    UPDATE generation_sessions  CLIENT
    persistence    COMMIT  CLIENT
    persistence    broadcast  PRODUCER
    ");
    bed.spans.clear();
    bed.persist(&RunnerEvent::build_completed(ids(), 3, 0)).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    persistence  persistent-processor.finalizeSession.completed  CONSUMER
    persistence    BEGIN  CLIENT
    persistence    INSERT generation_events  CLIENT
    persistence    SELECT generation_sessions  CLIENT
    persistence    COMMIT  CLIENT
    persistence    broadcast  PRODUCER
    ");
}

#[tokio::test]
async fn the_span_of_an_event_continues_the_callers_trace() {
    let bed = Bed::new().await;
    let event = RunnerEvent::build_stream(ids(), 1, &input("t"));
    bed.persistence.persist(&event).with_context(caller()).await.expect("stored");
    let spans = bed.spans.finished();
    let span = only(&spans, "persistent-processor.persistEvent.tool-input");
    assert_eq!(span.parent_span_id.as_deref(), Some("0000000000000def"));
    for (key, value) in [
        ("sentry.op", "db.persist.event"),
        ("event.type", "tool-input"),
        ("event.projectId", "p"),
        ("event.commandId", "c"),
        ("event.sessionId", "s"),
        ("event.seq", "1"),
    ] {
        assert_eq!(span.attribute(key), Some(value), "{key}");
    }
    let trace_id = bed.value("SELECT trace_id FROM generation_sessions").await;
    assert_eq!(trace_id, "00000000000000000000000000000abc");
    assert!(spans.iter().all(|span| span.trace_id == trace_id));
}

#[tokio::test]
async fn the_span_of_a_final_event_has_the_status_of_its_session() {
    let bed = Bed::new().await;
    bed.persist(&RunnerEvent::build_failed(ids(), 1, None, "killed")).await;
    let spans = bed.spans.finished();
    let span = only(&spans, "persistent-processor.finalizeSession.failed");
    assert_eq!(span.attribute("sentry.op"), Some("db.persist.finalize"));
    assert_eq!(span.attribute("session.status"), Some("failed"));
    assert!(!span.is_error());
}

#[tokio::test]
async fn statements_say_what_they_did_and_never_with_which_values() {
    let bed = Bed::new().await;
    let all = [("a", "hidden", TodoStatus::Pending), ("b", "hidden", TodoStatus::Pending)];
    bed.stream(1, &todos(&all)).await;
    let spans = bed.spans.finished();
    let select = only(&spans, "SELECT generation_todos");
    for (key, value) in [
        ("db.system.name", "sqlite"),
        ("db.operation.name", "SELECT"),
        ("db.collection.name", "generation_todos"),
        ("db.response.returned_rows", "2"),
    ] {
        assert_eq!(select.attribute(key), Some(value), "{key}");
    }
    assert!(select.attribute("db.query.text").expect("text").starts_with("SELECT todo_id"));
    for span in &spans {
        assert!(span.attributes.values().all(|value| !value.contains("hidden")), "{}", span.name);
    }
    assert_eq!(only(&spans, "broadcast").attribute("sentry.op"), Some("websocket.broadcast"));
    assert_eq!(only(&spans, "broadcast").attribute("subscribers"), Some("0"));
}

#[tokio::test]
async fn a_duplicate_says_so() {
    let bed = Bed::new().await;
    bed.stream(1, &input("t")).await;
    bed.spans.clear();
    bed.stream(1, &input("t")).await;
    let spans = bed.spans.finished();
    let span = only(&spans, "persistent-processor.persistEvent.tool-input");
    assert_eq!(span.attribute("event.duplicate"), Some("true"));
}

#[tokio::test]
async fn a_failed_statement_and_its_event_are_errors() {
    let bed = Bed::new().await;
    bed.stream(1, &input("t")).await;
    bed.spans.clear();
    let thief = EventIds { command_id: "d".into(), ..ids() };
    let event = RunnerEvent::build_stream(thief, 1, &input("u"));
    bed.persistence.persist(&event).await.expect_err("conflict");
    let spans = bed.spans.finished();
    let insert = only(&spans, "INSERT generation_sessions");
    assert!(insert.is_error());
    assert_eq!(insert.attribute("error.type"), Some("sqlite_1555"));
    let event = only(&spans, "persistent-processor.persistEvent.tool-input");
    assert!(event.is_error());
    assert_eq!(event.attribute("error.type"), Some("session_conflict"));
    assert!(spans.iter().all(|span| span.name != "COMMIT" && span.name != "broadcast"));
}

#[derive(Clone, Default)]
struct Points(Arc<Mutex<Vec<String>>>);

impl PushMetricExporter for Points {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut points = self.0.lock().expect("points");
        points.clear();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            let mut add = |attributes: Vec<_>, value: u64| {
                let mut labels: Vec<_> = attributes
                    .iter()
                    .map(|label: &&opentelemetry::KeyValue| label.value.to_string())
                    .collect();
                labels.sort();
                points.push(format!("{} {} {value}", metric.name(), labels.join(" ")));
            };
            match metric.data() {
                AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
                    .data_points()
                    .for_each(|point| add(point.attributes().collect(), point.value())),
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    assert_eq!(metric.unit(), "s");
                    histogram
                        .data_points()
                        .for_each(|point| add(point.attributes().collect(), point.count()));
                }
                other => panic!("unexpected {other:?}"),
            }
        }
        points.sort();
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

#[tokio::test]
async fn events_are_counted_by_type_and_outcome() {
    let points = Points::default();
    let reader = PeriodicReader::builder(points.clone()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let bed = Bed::with_meter(&meters).await;
    bed.stream(1, &input("t")).await;
    bed.stream(1, &input("t")).await;
    bed.persist(&RunnerEvent::build_completed(ids(), 2, 0)).await;
    let unknown = r#"{"type":"build-stream","seq":3,"projectId":"p","commandId":"c",
        "data":"{\"type\":\"made-up\"}"}"#;
    bed.persist(&RunnerEvent::parse(unknown).expect("event")).await;
    bed.persistence.instruments.count_refused("not_json".to_owned());
    meters.force_flush().expect("flush");
    assert_eq!(
        *points.0.lock().expect("points"),
        [
            "events.processed.total build-completed stored 1",
            "events.processed.total duplicate tool-input 1",
            "events.processed.total other stored 1",
            "events.processed.total stored tool-input 1",
            "events.refused.total not_json 1",
            "persistence.duration build-completed 1",
            "persistence.duration other 1",
            "persistence.duration tool-input 2",
        ]
    );
}
