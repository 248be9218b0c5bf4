//! What a task inherits, and what not.

use std::collections::HashMap;
use std::rc::Rc;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use throughline::context::TraceContext;
use throughline::otel::verbs::suppress;
use throughline::otel::{ContextFuture, TextMap};
use throughline::task::{self, JoinSetExt, LocalSetExt};
use throughline_testkit::{InMemorySpans, WatchedRuntime};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};

use super::{caller, is_callers, later, stranger, tracer};
use crate::checked_spans::CheckedSpans;

#[test]
fn a_task_has_the_context_of_where_it_was_spawned_in_every_poll_and_leaves_nothing() {
    for runtime in [WatchedRuntime::current_thread(), WatchedRuntime::multi_thread(2)] {
        let all = async {
            let mut first = is_callers();
            assert!(first, "the probe works");
            let second = task::spawn(async move {
                first &= is_callers();
                first && later(is_callers).await
            });
            let third = task::spawn_blocking(is_callers);
            let mut set = JoinSet::new();
            set.spawn_traced(later(is_callers));
            set.spawn_blocking_traced(is_callers);
            [second.await.unwrap(), third.await.unwrap()].into_iter().chain(set.join_all().await)
        };
        let seen: Vec<_> = runtime.block_on(all.in_context(caller())).collect();
        assert_eq!(seen, [true; 4]);
        // Whoever comes next on these threads starts from nothing.
        for _ in 0..8 {
            let next = runtime.block_on(async {
                let blocking = tokio::task::spawn_blocking(TraceContext::current);
                let task = tokio::spawn(async { TraceContext::current() });
                [blocking.await.unwrap(), task.await.unwrap()]
            });
            assert!(next.iter().all(TraceContext::is_empty));
        }
        runtime.finish();
    }
}

#[test]
fn a_local_task_has_the_context_of_where_it_was_spawned_in_every_poll() {
    let runtime = WatchedRuntime::current_thread();
    let local = LocalSet::new();
    let outside = {
        let _current = caller().attach();
        local.spawn_local_traced(later(is_callers))
    };
    let inside = async {
        let not_send = Rc::new(true);
        let task = task::spawn_local(async move { *not_send && later(is_callers).await });
        let mut set = JoinSet::new();
        set.spawn_local_traced(later(is_callers));
        (task.await.unwrap(), set.join_all().await)
    };
    let all = local.run_until(async {
        let (task, set) = inside.in_context(caller()).await;
        [outside.await.unwrap(), task, set[0]]
    });
    assert_eq!(runtime.block_on(all), [true; 3]);
    runtime.finish();
}

#[test]
fn what_is_current_where_a_task_runs_is_not_inherited() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let _current = stranger().attach();
    let seen = runtime.block_on(async {
        let tasks = async { [task::spawn(later(TraceContext::current)), plain()] };
        let [ours, plain] = tasks.in_context(Context::new()).await;
        (ours.await.unwrap(), plain.await.unwrap())
    });
    // Its thread is in a stranger's context, as the plain task shows.
    assert!(seen.0.is_empty());
    assert!(!seen.1.is_empty());

    fn plain() -> tokio::task::JoinHandle<TraceContext> {
        tokio::spawn(later(TraceContext::current))
    }
}

#[tokio::test]
async fn spans_of_a_task_are_children_and_its_parent_ends_where_it_ends() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let (go, goes) = tokio::sync::oneshot::channel::<()>();
    let own = tracer.clone();
    // OpenTelemetry's own way to open a span ends it where its last context is dropped.
    let task = tracer.in_span("order", |_| {
        task::spawn(async move {
            goes.await.unwrap();
            own.in_span("ship", |_| ());
        })
    });
    assert_eq!(spans.only().name, "order");
    go.send(()).unwrap();
    task.await.unwrap();
    insta::assert_snapshot!(spans.tree(), @r"
    app  order  INTERNAL
    app    ship  INTERNAL
    ");
}

/// Baggage that came in later stands in a context beside the one that the request began in.
#[tokio::test]
async fn a_task_below_baggage_that_was_extracted_on_its_own_holds_no_span_either() {
    let spans = CheckedSpans::new();
    let cx = caller().with_span(tracer(&spans).start("order"));
    let carrier = HashMap::from([("baggage".to_owned(), "shift=night".to_owned())]);
    let current = TextMap::default().extract_with_context(&cx, &carrier).attach();
    let task = task::spawn(std::future::pending::<()>());
    drop((current, cx));
    assert_eq!(spans.only().name, "order");
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_task_that_is_waited_for_may_add_to_its_parent_if_it_holds_it() {
    let spans = CheckedSpans::new();
    let add = || Context::current().span().set_attribute(KeyValue::new("items", 3));
    let cx = Context::current_with_span(tracer(&spans).start("order"));
    let work = async move {
        task::spawn(async move { add() }).await.unwrap();
        let holds = Context::current();
        tokio::spawn(async move { add() }.in_context(holds)).await.unwrap();
    };
    work.in_context(cx.clone()).await;
    cx.span().end();
    assert_eq!(spans.only().attribute("items"), Some("3"));
    drop(cx);

    spans.clear();
    let cx = Context::current_with_span(tracer(&spans).start("order"));
    async move { task::spawn(async move { add() }).await.unwrap() }.in_context(cx).await;
    assert_eq!(spans.only().attribute("items"), None, "the task had the name of its parent only");
}

#[tokio::test]
async fn a_task_of_suppressed_work_is_suppressed() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let quiet = tracer.clone();
    let task = async move {
        let child = task::spawn(async move { quiet.in_span("export", |_| is_suppressed()) });
        child.await.unwrap()
    };
    assert!(task.in_context(suppress()).await);
    assert!(spans.finished().is_empty());
    let task = task::spawn(async move { tracer.in_span("work", |_| is_suppressed()) });
    assert!(!task.await.unwrap());
    assert_eq!(spans.only().name, "work");
}

fn is_suppressed() -> bool {
    Context::map_current(Context::is_telemetry_suppressed)
}

#[test]
fn a_span_that_is_not_recorded_costs_no_copy_and_is_inherited_as_it_is() {
    let spans = InMemorySpans::new().sampler(opentelemetry_sdk::trace::Sampler::AlwaysOff);
    let cx = Context::current_with_span(tracer(&spans).start("order"));
    let _current = cx.clone().attach();
    let id = |cx: &Context| cx.span().span_context().clone();
    assert_eq!(id(&task::detached()), id(&cx));
    assert!(id(&cx).is_valid() && !id(&cx).is_sampled());
}
