//! Tasks that outlive, lose, panic or are stopped.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use ::http::{Request, Response};
use opentelemetry::Context;
use opentelemetry::trace::Tracer;
use throughline::http::ServerLayer;
use throughline::otel::{ActiveSpan, ContextFuture};
use throughline::task;
use throughline_testkit::{InMemorySpans, WatchedRuntime};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tower::{Layer, ServiceExt, service_fn};

use super::{caller, is_callers, later, tracer};
use crate::checked_spans::CheckedSpans;
use crate::http::finished;

#[test]
fn a_detached_task_neither_stretches_nor_delays_the_span_of_its_request() {
    let spans = InMemorySpans::new();
    let runtime = WatchedRuntime::multi_thread(2).spans(&spans);
    let (go, goes) = oneshot::channel::<()>();
    let slot = Arc::new(Mutex::new((Some(goes), None)));
    let (work, tasks) = (tracer(&spans), Arc::clone(&slot));
    let service = ServerLayer::new().tracer_provider(spans.provider());
    let service = service.layer(service_fn(move |_: Request<()>| {
        let goes = slot.lock().unwrap().0.take().unwrap();
        let work = work.clone();
        let task = task::spawn(async move {
            goes.await.unwrap();
            work.in_span("mail", |_| ());
        });
        slot.lock().unwrap().1 = Some(task);
        async { Ok::<_, Infallible>(Response::new(String::new())) }
    }));
    let released = runtime.block_on(async {
        drop(service.oneshot(Request::new(())).await.unwrap());
        // The request is over before the task has done anything.
        assert_eq!(spans.only().name, "GET");
        let released = SystemTime::now();
        go.send(()).unwrap();
        let task = tasks.lock().unwrap().1.take().unwrap();
        task.await.unwrap();
        released
    });
    runtime.finish();
    let [request, mail] = &spans.finished()[..] else { panic!("{}", spans.tree()) };
    assert!(request.end <= released && released <= mail.start);
    assert_eq!(mail.parent_span_id.as_ref(), Some(&request.span_id));
    assert!(!request.is_error());
}

#[tokio::test(start_paused = true)]
async fn three_hundred_milliseconds_of_a_task_are_none_of_the_span_that_spawned_it() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let begun = tokio::time::Instant::now();
    let task = tracer.in_span("request", |_| {
        task::spawn(async { tokio::time::sleep(std::time::Duration::from_millis(300)).await })
    });
    assert_eq!((spans.only().name.as_str(), begun.elapsed().as_millis()), ("request", 0));
    task.await.unwrap();
    assert!(begun.elapsed().as_millis() >= 300);
}

#[tokio::test]
async fn the_loser_of_a_select_ends_its_span_and_cleans_up_in_its_context() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let span = ActiveSpan::start(&tracer, tracer.span_builder("slow"));
    let loses = span.run(async {
        let _guard = SpanAtDrop(tracer.clone());
        std::future::pending::<()>().await;
    });
    tokio::select! {
        biased;
        () = loses => unreachable!("it waits for ever"),
        () = later(|| ()) => {}
    }
    insta::assert_snapshot!(spans.tree(), @r"
    app  slow  INTERNAL  ERROR
    app    clean up  INTERNAL
    ");
    let slow = spans.finished().pop().unwrap();
    assert_eq!((slow.name.as_str(), slow.attribute("error.type")), ("slow", Some("cancelled")));
}

#[tokio::test]
async fn a_future_that_is_kept_after_it_was_ready_ends_its_span_once_and_at_once() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let span = ActiveSpan::start(&tracer, tracer.span_builder("quick"));
    let mut kept = Box::pin(span.run(std::future::ready(7)));
    assert_eq!((&mut kept).await, 7);
    assert!(!spans.only().is_error());
    drop(kept);
    assert!(!spans.only().is_error());
}

#[test]
fn a_closure_that_panics_fails_its_span_and_the_panic_goes_on() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let span = ActiveSpan::start(&tracer, tracer.span_builder("resize"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        span.in_scope(|| panic!("out of pixels"));
    }));
    assert!(caught.is_err());
    assert_eq!(spans.only().attribute("error.type"), Some("panic"));
}

#[test]
fn a_runtime_that_shuts_down_in_mid_task_drops_it_in_its_context() {
    let spans = InMemorySpans::new();
    let runtime = WatchedRuntime::multi_thread(2).spans(&spans);
    let tracer = tracer(&spans);
    let (starts, started) = oneshot::channel::<()>();
    runtime.block_on(async {
        let span = ActiveSpan::start(&tracer, tracer.span_builder("job"));
        let guard = SpanAtDrop(tracer.clone());
        let job = span.run(async move {
            let _guard = guard;
            starts.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        task::spawn(job);
        started.await.unwrap();
        assert!(spans.finished().is_empty());
    });
    runtime.finish();
    insta::assert_snapshot!(spans.tree(), @r"
    app  job  INTERNAL  ERROR
    app    clean up  INTERNAL
    ");
}

#[tokio::test]
async fn a_task_that_is_aborted_drops_what_it_has_in_its_context() {
    let (told, tells) = oneshot::channel();
    let guard = TellsAtDrop(Some(told));
    let task = {
        let _current = caller().attach();
        task::spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        })
    };
    later(|| ()).await;
    task.abort();
    assert!(tells.await.unwrap());
    assert!(task.await.unwrap_err().is_cancelled());
}

#[test]
fn a_block_on_inside_of_blocking_work_keeps_the_context_and_gives_it_back() {
    let runtime = WatchedRuntime::multi_thread(2);
    let nested = async {
        let blocking = task::spawn_blocking(|| {
            let outer = Handle::current().block_on(async {
                task::spawn(later(is_callers)).await.unwrap() && later(is_callers).await
            });
            let own = Builder::new_current_thread().build().unwrap();
            let own = own.block_on(async { task::spawn(later(is_callers)).await.unwrap() });
            [outer, own, is_callers()]
        });
        blocking.await.unwrap()
    };
    assert_eq!(runtime.block_on(nested.in_context(caller())), [true; 3]);
    runtime.finish();
}

#[tokio::test]
async fn a_child_that_ends_after_its_parent_belongs_to_it() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let (go, goes) = oneshot::channel::<()>();
    let task = tracer.in_span("parent", |_| {
        let child = ActiveSpan::start(&tracer, tracer.span_builder("child"));
        task::spawn(child.run(async { goes.await.unwrap() }))
    });
    assert_eq!(spans.only().name, "parent");
    go.send(()).unwrap();
    task.await.unwrap();
    let [parent, child] = &finished(&spans, 2).await[..] else { panic!("{}", spans.tree()) };
    assert_eq!(child.parent_span_id.as_ref(), Some(&parent.span_id));
    assert!(parent.end <= child.end && child.start <= parent.end);
}

/// Opens a span where it is dropped.
struct SpanAtDrop(opentelemetry_sdk::trace::SdkTracer);

impl Drop for SpanAtDrop {
    fn drop(&mut self) {
        Context::map_current(|cx| drop(self.0.start_with_context("clean up", cx)));
    }
}

/// Tells whether the caller's context is current where it is dropped.
struct TellsAtDrop(Option<oneshot::Sender<bool>>);

impl Drop for TellsAtDrop {
    fn drop(&mut self) {
        let _ = self.0.take().unwrap().send(is_callers());
    }
}
