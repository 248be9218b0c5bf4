//! Requests whose work is nested or outlives them, with a look at every thread afterwards.

use std::convert::Infallible;

use ::http::{Request, Response};
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use throughline::context::TraceContext;
use throughline::http::{ClientLayer, ServerLayer};
use throughline::otel::ContextFuture;
use throughline_testkit::{InMemorySpans, WatchedRuntime};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::block_in_place;
use tower::{Layer, ServiceExt, service_fn};

use super::finished;

fn current() -> Option<String> {
    TraceContext::current().parent().map(|parent| parent.parent_id().to_string())
}

#[test]
fn a_handler_that_blocks_on_a_call_of_its_own_keeps_its_context() {
    let spans = InMemorySpans::for_service("front");
    let runtime = WatchedRuntime::multi_thread(2).spans(&spans);
    let back = ServerLayer::new().tracer_provider(spans.service("back").provider());
    let back = back.layer(service_fn(async |_: Request<()>| {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    let client = ClientLayer::new().tracer_provider(spans.provider()).layer(back);
    let front = ServerLayer::new().tracer_provider(spans.provider());
    let front = front.layer(service_fn(move |_: Request<()>| {
        let client = client.clone();
        async move {
            let before = current();
            let call = client.oneshot(Request::new(()));
            block_in_place(|| Handle::current().block_on(call)).unwrap();
            assert_eq!(current(), before);
            assert!(before.is_some());
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    }));
    runtime
        .block_on(async { tokio::spawn(front.oneshot(Request::new(()))).await })
        .unwrap()
        .unwrap();
    runtime.finish();
    insta::assert_snapshot!(spans.tree(), @r"
    front  GET  SERVER
    front    GET  CLIENT
    back       GET  SERVER
    ");
}

#[test]
fn a_child_that_ends_after_its_parent_belongs_to_it_and_does_not_stretch_it() {
    let spans = InMemorySpans::new();
    let runtime = WatchedRuntime::multi_thread(2).spans(&spans);
    let tracer = spans.provider().tracer("test");
    let (go, goes) = oneshot::channel::<()>();
    let goes = std::sync::Mutex::new(Some(goes));
    let service = ServerLayer::new().tracer_provider(spans.provider());
    let service = service.layer(service_fn(move |_: Request<()>| {
        let goes = goes.lock().unwrap().take().unwrap();
        let child = Context::current_with_span(tracer.start("child"));
        let work = async move {
            goes.await.unwrap();
            Context::current().span().end();
        };
        tokio::spawn(work.in_context(child));
        async { Ok::<_, Infallible>(Response::new(String::new())) }
    }));
    runtime.block_on(async {
        drop(service.oneshot(Request::new(())).await.unwrap());
        assert_eq!(finished(&spans, 1).await[0].name, "GET", "the child goes on");
        go.send(()).unwrap();
        finished(&spans, 2).await
    });
    runtime.finish();
    let [parent, child] = &spans.finished()[..] else { panic!("{:?}", spans.finished()) };
    assert_eq!((parent.is_error(), child.parent_span_id.as_ref()), (false, Some(&parent.span_id)));
    assert!(parent.end <= child.end);
}
