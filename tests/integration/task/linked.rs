//! Work that outlives its request, in a trace of its own.

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer};
use throughline::context::TraceContext;
use throughline::otel::verbs::suppress;
use throughline::propagation::{Propagator, SentryConfig};
use throughline::task;
use throughline_testkit::{InMemorySpans, WatchedRuntime};
use tokio::sync::oneshot;

use super::{CALLER, TRACE_ID, caller, later, tracer};
use crate::checked_spans::CheckedSpans;

/// What the next hop of a linked task is told.
async fn told(cx: Context, spans: &InMemorySpans) -> TraceContext {
    let tracer = tracer(spans);
    let task = {
        let _current = cx.attach();
        task::spawn_linked(&tracer, "mail", later(TraceContext::current))
    };
    task.await.unwrap()
}

#[tokio::test]
async fn a_linked_task_begins_a_trace_that_is_linked_to_where_it_was_spawned() {
    let spans = CheckedSpans::new();
    let told = told(caller(), &spans).await;
    let mail = spans.only();
    let parent = told.parent().unwrap();
    assert_eq!(
        (parent.trace_id().to_string(), parent.parent_id().to_string()),
        (mail.trace_id.clone(), mail.span_id.clone()),
    );
    assert_eq!(mail.parent_span_id, None);
    assert_ne!(mail.trace_id, TRACE_ID);
    let [link] = &mail.links[..] else { panic!("{:?}", mail.links) };
    assert_eq!((link.trace_id.as_str(), link.span_id.as_str()), (TRACE_ID, CALLER));
}

#[tokio::test]
async fn ts_12_a_linked_task_keeps_baggage_and_leaves_behind_what_belongs_to_the_old_trace() {
    let spans = CheckedSpans::new();
    let told = told(caller(), &spans).await;
    assert_eq!(told.baggage().as_str(), "tenant=7");
    assert!(told.trace_state().is_empty());
    assert!(!told.sampling_frozen());
}

#[tokio::test]
async fn se_6_a_linked_task_is_the_transaction_of_its_trace() {
    let spans = CheckedSpans::new();
    let told = told(caller(), &spans).await;
    let mut sent = Vec::new();
    Propagator::default().sentry(SentryConfig::new()).inject(&told, &mut sent);
    let (_, baggage) = sent.iter().find(|(name, _): &&(&str, String)| *name == "baggage").unwrap();
    assert!(baggage.contains("sentry-transaction=mail"), "{baggage}");
    assert!(!baggage.contains("sentry-release"), "{baggage}");
}

#[tokio::test]
async fn without_a_trace_there_is_nothing_to_link_to() {
    let spans = CheckedSpans::new();
    told(Context::new(), &spans).await;
    assert!(spans.only().links.is_empty());
}

#[tokio::test]
async fn a_linked_task_of_suppressed_work_makes_no_span() {
    let spans = CheckedSpans::new();
    told(suppress(), &spans).await;
    assert!(spans.finished().is_empty());
}

#[tokio::test]
async fn a_linked_task_holds_no_span_of_its_request() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let (go, goes) = oneshot::channel::<()>();
    let task = tracer
        .in_span("request", |_| task::spawn_linked(&tracer, "mail", async { goes.await.unwrap() }));
    let request = spans.only();
    assert_eq!(request.name, "request");
    go.send(()).unwrap();
    task.await.unwrap();
    assert_eq!(spans.finished()[1].links[0].span_id, request.span_id);
}

#[test]
fn a_linked_task_that_panics_or_is_lost_has_failed() {
    let spans = InMemorySpans::new();
    let runtime = WatchedRuntime::current_thread().spans(&spans);
    let tracer = tracer(&spans);
    runtime.block_on(async {
        let panics = task::spawn_linked(&tracer, "panics", later(|| panic!("no paper")));
        assert!(panics.await.unwrap_err().is_panic());
        task::spawn_linked(&tracer, "lost", std::future::pending::<()>());
        task::spawn_linked(&tracer, "fine", later(|| ())).await.unwrap();
    });
    runtime.finish();
    let error = |name: &str| {
        let span = spans.finished().into_iter().find(|span| span.name == name).unwrap();
        (span.is_error(), span.attribute("error.type").map(str::to_owned))
    };
    assert_eq!(error("panics"), (true, Some("panic".to_owned())));
    assert_eq!(error("lost"), (true, Some("cancelled".to_owned())));
    assert_eq!(error("fine"), (false, None));
}

#[tokio::test]
async fn a_linked_task_has_its_span_current_and_the_name_of_none_other() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let own = tracer.clone();
    let task = {
        let _current = caller().attach();
        task::spawn_linked(&tracer, "mail", async move {
            own.in_span("smtp", |cx| assert!(cx.span().is_recording()));
        })
    };
    task.await.unwrap();
    insta::assert_snapshot!(spans.tree(), @r"
    app  mail  INTERNAL
    app    smtp  INTERNAL
    ");
}
