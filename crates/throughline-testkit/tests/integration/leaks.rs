//! Leaks planted on purpose, of every kind that the check is there for, and what is none.

use std::mem;

use opentelemetry::Context;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, TraceContextExt, TraceId, Tracer, TracerProvider,
};
use opentelemetry_sdk::trace::{IdGenerator, Sampler, SdkTracerProvider};
use throughline_testkit::{InMemorySpans, LeakCheck, Leaks, WatchedRuntime};
use tokio::sync::{Barrier, oneshot};
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::panic_message;

/// A context that is made from nothing, and one that holds all that was current.
fn contexts() -> [fn() -> Context; 2] {
    [|| Context::new().with_span(request()), || Context::current_with_span(request())]
}

fn request() -> opentelemetry_sdk::trace::Span {
    SdkTracerProvider::builder().build().tracer("test").start("request")
}

/// The text of a report that has to list one leak.
fn only(result: Result<(), Leaks>) -> String {
    let leaks = result.expect_err("the leak is not found");
    assert_eq!(leaks.len(), 1, "{leaks}");
    leaks.to_string()
}

fn assert_says(leaks: &str, parts: &[&str]) {
    for part in parts {
        assert!(leaks.contains(part), "{part:?} is not in: {leaks}");
    }
}

#[test]
fn a_forgotten_guard_is_found_whatever_its_context_was_made_from() {
    for context in contexts() {
        let check = LeakCheck::new();
        let cx = context();
        let id = cx.span().span_context().span_id().to_string();
        mem::forget(cx.attach());
        assert_says(&only(check.check()), &["a context with span", &id, "at the end"]);
    }
}

#[test]
fn a_guard_that_outlives_the_check_is_found_and_one_from_before_is_none() {
    let _before = Context::new().with_telemetry_suppressed().attach();
    let check = LeakCheck::new();
    assert!(Context::is_current_telemetry_suppressed(), "the check hides nothing");
    let _later = Context::current().attach();
    let leaks = only(check.check());
    assert_says(&leaks, &["a context without a span, telemetry suppressed, is still attached"]);
}

#[test]
fn guards_that_go_in_the_wrong_order_are_no_leak() {
    for context in contexts() {
        let check = LeakCheck::new();
        let (first, second) = (context().attach(), context().attach());
        drop(first);
        drop(second);
        check.finish();
    }
}

#[test]
fn a_check_inside_another_looks_at_its_own_part() {
    let outer = LeakCheck::new();
    LeakCheck::new().finish();
    for context in contexts() {
        let inner = LeakCheck::new();
        mem::forget(context().attach());
        only(inner.check());
    }
    assert!(outer.check().is_err(), "they lie on the outer one too");
}

#[test]
fn a_dropped_check_fails_the_test_and_hides_no_other_failure() {
    let dropped = panic_message(|| {
        let _check = LeakCheck::new();
        mem::forget(Context::new().attach());
    });
    assert_says(&dropped, &["left behind:\n  a context without a span is still attached"]);
    let finished = panic_message(|| {
        let check = LeakCheck::new();
        mem::forget(Context::new().attach());
        check.finish();
    });
    assert_says(&finished, &["left behind:"]);
    let other = panic_message(|| {
        let _check = LeakCheck::new();
        mem::forget(Context::new().attach());
        panic!("the reason");
    });
    assert_eq!(other, "the reason");
}

#[test]
fn a_guard_across_an_await_is_found_though_it_is_dropped_in_time() {
    for context in contexts() {
        let runtime = WatchedRuntime::current_thread();
        let barrier = Barrier::new(2);
        let held = async {
            let guard = context().attach();
            barrier.wait().await;
            drop(guard);
        };
        let other = async {
            let seen = Context::current().has_active_span();
            barrier.wait().await;
            seen
        };
        // Each is watched on its own, as tasks of a runtime are.
        let (held, other) = (runtime.watch(held), runtime.watch(other));
        let ((), seen) = runtime.block_on(async { tokio::join!(held, other) });
        assert!(seen, "the context has shown itself to a stranger");
        assert_says(&only(runtime.check()), &["after a poll"]);
    }
}

#[test]
fn a_guard_across_an_await_of_a_local_task_is_found_unwatched() {
    let runtime = WatchedRuntime::current_thread();
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        let (release, released) = oneshot::channel::<()>();
        let holding = spawn_local(async {
            let _guard = Context::new().attach();
            released.await.unwrap();
        });
        yield_now().await;
        release.send(()).unwrap();
        holding.await.unwrap();
    }));
    only(runtime.check());
}

#[test]
fn a_context_that_a_spawned_task_leaves_is_found_on_its_worker() {
    for context in contexts() {
        let runtime = WatchedRuntime::multi_thread(2);
        runtime.block_on(async {
            tokio::spawn(async move { mem::forget(context().attach()) }).await.unwrap();
        });
        assert_says(
            &only(runtime.check()),
            &["at the thread's end, on the thread tokio-rt-worker"],
        );
    }
}

#[test]
fn a_context_that_a_panicking_task_leaves_is_found_and_the_panic_goes_on() {
    for context in contexts() {
        let runtime = WatchedRuntime::multi_thread(1);
        let plain = async move {
            mem::forget(context().attach());
            panic!("on purpose");
        };
        assert!(runtime.block_on(async { tokio::spawn(plain).await }).unwrap_err().is_panic());
        only(runtime.check());

        let runtime = WatchedRuntime::multi_thread(1);
        let watched = runtime.watch(async move {
            mem::forget(context().attach());
            panic!("on purpose");
        });
        assert!(runtime.block_on(async { tokio::spawn(watched).await }).unwrap_err().is_panic());
        assert_says(&only(runtime.check()), &["after a poll"]);
    }
}

#[test]
fn a_context_that_blocking_work_leaves_is_found() {
    for runtime in [WatchedRuntime::current_thread(), WatchedRuntime::multi_thread(1)] {
        runtime.block_on(async {
            tokio::task::spawn_blocking(|| mem::forget(Context::new().attach())).await.unwrap();
        });
        only(runtime.check());
    }
}

#[test]
fn a_context_that_the_body_of_the_test_leaves_is_told_once() {
    for runtime in [WatchedRuntime::current_thread(), WatchedRuntime::multi_thread(1)] {
        runtime.block_on(async {
            mem::forget(Context::current_with_value(7).attach());
            yield_now().await;
        });
        assert_says(&only(runtime.check()), &["after a poll"]);
    }
}

#[test]
fn a_clean_run_on_many_tasks_and_threads_is_no_leak() {
    let spans = InMemorySpans::new();
    let runtime = WatchedRuntime::multi_thread(2).spans(&spans);
    let tracer = spans.provider().tracer("test");
    runtime.block_on(async {
        let work = |n: usize| {
            let tracer = tracer.clone();
            async move {
                for _ in 0..n % 5 {
                    tracer.in_span("step", |_| ());
                    yield_now().await;
                }
            }
        };
        let tasks: Vec<_> = (0..50).map(|n| tokio::spawn(work(n))).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    runtime.finish();
    assert_eq!(spans.finished().len(), 100);
}

#[test]
fn run_fails_for_a_leak_on_another_thread() {
    let text = panic_message(|| {
        LeakCheck::run(async {
            tokio::spawn(async { mem::forget(Context::new().attach()) }).await.unwrap();
        });
    });
    assert_says(&text, &["at the thread's end"]);
    assert_eq!(LeakCheck::run(async { 7 }), 7);
}

#[tokio::test]
async fn the_first_line_of_an_async_test_sees_what_tasks_leave_on_its_thread() {
    let check = LeakCheck::new();
    tokio::spawn(async { mem::forget(Context::new().attach()) }).await.unwrap();
    only(check.check());
}

#[tokio::test]
async fn a_future_that_is_watched_on_a_thread_of_strangers_is_judged_alone() {
    let _strangers = Context::new().attach();
    let check = LeakCheck::new();
    let mut polls = 0;
    check
        .watch(std::future::poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            if polls < 3 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
        }))
        .await;
    check.finish();
    assert_eq!(polls, 3);
}

#[test]
fn a_span_without_an_end_is_found_by_name() {
    let spans = InMemorySpans::for_service("api");
    let tracer = spans.provider().tracer("test");
    let before = tracer.start("before");
    let check = LeakCheck::new().spans(&spans);
    let worker = spans.service("worker").provider().tracer("test");
    let open = worker.start("build");
    tracer.in_span("ended", |_| ());
    let leaks = only(check.check());
    let id = open.span_context().span_id().to_string();
    assert_says(&leaks, &["span \"build\" of \"worker\"", &id, "has not ended"]);

    // What was open before a check is not its matter, whether another check knew it or not.
    LeakCheck::new().spans(&spans).finish();
    drop((before, open));
}

#[test]
fn a_span_that_a_forgotten_context_keeps_open_is_told_apart_from_the_context() {
    let spans = InMemorySpans::new();
    let check = LeakCheck::new().spans(&spans);
    let span = spans.provider().tracer("test").start("request");
    mem::forget(Context::current_with_span(span).attach());
    let leaks = check.check().unwrap_err();
    assert_eq!(leaks.len(), 2);
    assert_says(&leaks.to_string(), &["is still attached", "has not ended"]);
}

#[test]
fn a_span_that_only_a_dropped_task_held_has_ended() {
    let spans = InMemorySpans::new();
    let runtime = WatchedRuntime::multi_thread(1).spans(&spans);
    let span = spans.provider().tracer("test").start("forever");
    runtime.block_on(async {
        tokio::spawn(async move {
            let _span = span;
            std::future::pending::<()>().await;
        });
    });
    runtime.finish();
    assert_eq!(spans.only().name, "forever");
}

#[test]
fn a_span_that_no_task_can_end_is_found_after_the_runtime_is_gone() {
    let spans = InMemorySpans::new();
    let runtime = WatchedRuntime::multi_thread(1).spans(&spans);
    let span = spans.provider().tracer("test").start("lost");
    runtime.block_on(async { tokio::spawn(async move { mem::forget(span) }).await.unwrap() });
    assert_says(&only(runtime.check()), &["span \"lost\" of \"app\"", "has not ended"]);
}

#[test]
fn a_span_that_is_recorded_twice_is_found_and_a_second_end_is_none() {
    let spans = InMemorySpans::new();
    let check = LeakCheck::new().spans(&spans);
    let mut span = spans.provider().tracer("test").start("twice");
    span.end();
    span.end();
    check.finish();

    let check = LeakCheck::new().spans(&spans);
    let provider = spans.provider_builder().with_id_generator(SameIds).build();
    provider.tracer("test").in_span("first", |_| ());
    provider.tracer("test").in_span("again", |_| ());
    assert_says(&only(check.check()), &["span \"again\" of \"app\"", "is recorded twice"]);
}

#[derive(Debug)]
struct SameIds;

impl IdGenerator for SameIds {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(1_u128)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(1_u64)
    }
}

#[test]
fn a_check_without_findings_says_nothing_and_an_unsampled_span_is_not_seen() {
    let spans = InMemorySpans::new().sampler(Sampler::AlwaysOff);
    let check = LeakCheck::new().spans(&spans);
    let open = spans.provider().tracer("test").start("unsampled");
    assert_ne!(*open.span_context(), SpanContext::NONE);
    assert_eq!(check.check(), Ok(()));
}
