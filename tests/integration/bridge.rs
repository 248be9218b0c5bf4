//! The current context on its way through layers, messages, futures and tasks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use ::http::StatusCode;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use futures_util::StreamExt;
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use serde_json::json;
use throughline::context::{TraceContext, TraceParent};
use throughline::http::ClientLayer;
use throughline::otel::{ContextExt, ContextFuture};
use throughline::websocket::{Envelope, SocketTracing, TracedWebSocket};
use throughline_testkit::{InMemorySpans, LeakCheck};
use tokio::sync::Mutex;
use tower::{Layer, ServiceExt};

use super::http::{PATIENCE, plain_client, request, serve, server_layer};
use super::websocket::{Socket, consume, sockets};

#[cfg(feature = "sdk")]
mod deferred;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn context(parent: &str) -> Context {
    Context::new().with_trace_context(parent.parse::<TraceParent>().unwrap().into())
}

fn current_parent() -> Option<String> {
    TraceContext::current().parent().map(ToString::to_string)
}

#[tokio::test]
async fn one_trace_goes_through_request_message_and_request() {
    #[derive(Clone)]
    struct Api {
        spans: InMemorySpans,
        queue: Arc<Mutex<TracedWebSocket<Socket>>>,
    }
    async fn publish(State(api): State<Api>) -> StatusCode {
        let tracer = api.spans.provider().tracer("test");
        let span = tracer.span_builder("publish").with_kind(SpanKind::Producer);
        let cx = Context::current_with_span(span.start(&tracer));
        let event = json!({"kind": "build", "id": 7});
        let mut queue = api.queue.lock().await;
        queue.send_traced(&event).in_context(cx.clone()).await.unwrap();
        cx.span().end();
        StatusCode::ACCEPTED
    }

    let spans = InMemorySpans::for_service("browser");
    let _check = LeakCheck::new().spans(&spans);
    let (publisher, subscriber) = sockets().await;

    let store_spans = spans.service("store");
    let store = Router::new()
        .route("/builds/{id}", post(|| async { StatusCode::CREATED }))
        .layer(server_layer(&store_spans));
    let store = serve(store).await;

    let api_spans = spans.service("api");
    let tracing = SocketTracing::new(Envelope::json()).propagate_only();
    let queue = Arc::new(Mutex::new(TracedWebSocket::new(publisher, tracing.clone())));
    let api = Router::new()
        .route("/builds", post(publish))
        .layer(server_layer(&api_spans))
        .with_state(Api { spans: api_spans.clone(), queue });
    let api = serve(api).await;

    let worker_spans = spans.service("worker");
    let worker = async {
        let mut messages = TracedWebSocket::new(subscriber, tracing);
        let incoming = messages.next().await.unwrap().unwrap();
        let call =
            ClientLayer::new().tracer_provider(worker_spans.provider()).layer(plain_client());
        let work = consume(&worker_spans, "build", &incoming, |cx| {
            call.oneshot(request("POST", store, "/builds/7")).in_context(cx.clone())
        });
        assert_eq!(work.await.unwrap().status(), 201);
    };

    let browser = async {
        let provider = spans.provider();
        let client = ClientLayer::new().tracer_provider(provider).layer(plain_client());
        client.oneshot(request("POST", api, "/builds")).await.unwrap().status()
    };
    let (status, ()) = tokio::join!(browser, worker);
    assert_eq!(status, 202);
    spans.wait_for(|spans| spans.len() == 6, PATIENCE).await.unwrap();
    insta::assert_snapshot!(spans.tree(), @r"
    browser  POST  CLIENT
    api        POST /builds  SERVER
    api          publish  PRODUCER
    worker         build  CONSUMER
    worker           POST  CLIENT
    store              POST /builds/{id}  SERVER
    ");
}

#[test]
fn a_task_that_is_spawned_without_context_inherits_nothing() {
    let spawning = async {
        assert_eq!(current_parent().as_deref(), Some(PARENT));
        let plain = tokio::spawn(async { current_parent() });
        let blocking = tokio::task::spawn_blocking(current_parent);
        let thread = std::thread::spawn(current_parent);
        let given = tokio::spawn(async { current_parent() }.in_context(Context::current()));
        assert_eq!(plain.await.unwrap(), None);
        assert_eq!(blocking.await.unwrap(), None);
        assert_eq!(thread.join().unwrap(), None);
        assert_eq!(given.await.unwrap().as_deref(), Some(PARENT));
        // Awaiting others has not changed what is current here.
        assert_eq!(current_parent().as_deref(), Some(PARENT));
    };
    LeakCheck::run(spawning.in_context(context(PARENT)));
}

#[tokio::test]
async fn futures_that_take_turns_on_one_thread_see_their_own_context() {
    let check = LeakCheck::new();
    let barrier = tokio::sync::Barrier::new(3);
    let seen = async |parent: &str| {
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(current_parent());
            barrier.wait().await;
        }
        assert!(seen.iter().all(|seen| seen.as_deref() == Some(parent)), "{seen:?}");
    };
    let other = PARENT.replace("b7ad", "ffff");
    let none = async {
        for _ in 0..3 {
            assert_eq!(current_parent(), None);
            barrier.wait().await;
        }
    };
    tokio::join!(
        check.watch(seen(PARENT).in_context(context(PARENT))),
        check.watch(seen(&other).in_context(context(&other))),
        none,
    );
}

#[test]
fn in_context_leaks_nothing_to_the_thread() {
    let _check = LeakCheck::new();
    let mut task = task::Context::from_waker(Waker::noop());

    // Between polls, and after the last one.
    let mut turns = 0;
    let future = std::future::poll_fn(|_| {
        assert_eq!(current_parent().as_deref(), Some(PARENT));
        turns += 1;
        if turns < 3 { Poll::Pending } else { Poll::Ready(()) }
    });
    let mut future = Box::pin(future.in_context(context(PARENT)));
    while future.as_mut().poll(&mut task).is_pending() {
        assert_eq!(current_parent(), None);
    }
    assert_eq!(current_parent(), None);

    // A future that is dropped in the middle.
    let mut pending = Box::pin(std::future::pending::<()>().in_context(context(PARENT)));
    assert!(pending.as_mut().poll(&mut task).is_pending());
    drop(pending);
    assert_eq!(current_parent(), None);

    // A panic.
    let mut panicking = Box::pin(async { panic!("on purpose") }.in_context(context(PARENT)));
    assert!(catch_unwind(AssertUnwindSafe(|| panicking.as_mut().poll(&mut task))).is_err());
    assert_eq!(current_parent(), None);

    // A context inside another one.
    let other = PARENT.replace("b7ad", "ffff");
    let nested = async {
        async { assert_eq!(current_parent(), Some(other.clone())) }
            .in_context(context(&other))
            .await;
        assert_eq!(current_parent().as_deref(), Some(PARENT));
        async { assert_eq!(current_parent(), None) }.in_context(Context::new()).await;
        assert_eq!(current_parent().as_deref(), Some(PARENT));
    };
    assert!(Box::pin(nested.in_context(context(PARENT))).as_mut().poll(&mut task).is_ready());
    assert_eq!(current_parent(), None);
}
