//! The spans of events, at both ends.

use futures_util::{SinkExt, StreamExt};
use opentelemetry::Context;
use opentelemetry::trace::{Tracer, TracerProvider};
use serde_json::{Value, json};
use throughline::context::TraceContext;
use throughline::messaging::{Messaging, ParentMode};
use throughline::otel::{ContextExt, ContextFuture};
use throughline::websocket::{Envelope, Incoming, SocketTracing, TracedWebSocket};
use throughline_testkit::InMemorySpans;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::{Event, Socket, event, received, sockets, tracing};
use crate::checked_spans::CheckedSpans;
use crate::messaging::links;

/// The two ends of a connection, as services of their own.
async fn services(spans: &InMemorySpans) -> [TracedWebSocket<Socket>; 2] {
    let (client, server) = sockets().await;
    let broker = tracing(&spans.service("broker"));
    [TracedWebSocket::new(client, tracing(spans)), TracedWebSocket::new(server, broker)]
}

async fn next(socket: &mut TracedWebSocket<Socket>) -> Incoming<Frame> {
    socket.next().await.unwrap().unwrap()
}

#[tokio::test]
async fn ms_6_an_event_has_a_span_at_each_end_and_the_connection_is_linked() {
    let spans = CheckedSpans::for_service("runner");
    let [mut runner, mut broker] = services(&spans).await;
    let tracer = spans.service("broker").provider().tracer("test");
    for _ in 0..2 {
        let cx = Context::new().with_trace_context(received());
        runner.send_traced(&event()).in_context(cx).await.unwrap();
        let work = async |read: Event| {
            assert_eq!(read, event());
            tokio::task::yield_now().await;
            tracer.in_span("store", |_| ());
            "stored"
        };
        assert_eq!(next(&mut broker).await.in_span(work).await.unwrap(), Some("stored"));
    }
    drop((runner, broker));
    insta::assert_snapshot!(spans.tree(), @r"
    runner  connection  INTERNAL

    broker  connection  INTERNAL

    runner  send events  PRODUCER  (parent missing)
    broker    process events  CONSUMER
    broker      store  INTERNAL
    runner  send events  PRODUCER  (parent missing)
    broker    process events  CONSUMER
    broker      store  INTERNAL
    ");
    let linked = ["send events -> connection", "process events -> connection"];
    assert_eq!(links(&spans), [linked, linked].concat());
}

#[tokio::test]
async fn ms_2_a_received_event_is_child_or_link_of_its_sender_or_both() {
    for (mode, is_child, links) in [
        (ParentMode::Parent, true, 1),
        (ParentMode::Link, false, 2),
        (ParentMode::ParentAndLink, true, 2),
    ] {
        let spans = CheckedSpans::new();
        let (client, server) = sockets().await;
        let mut client = TracedWebSocket::new(client, tracing(&spans));
        let messaging = Messaging::new("websocket").parent(mode).metrics(false);
        let tracing = SocketTracing::new(Envelope::json());
        let tracing = tracing.messaging(messaging.tracer_provider(spans.provider()));
        let mut server = TracedWebSocket::new(server, tracing);
        client.send_traced(&event()).await.unwrap();
        next(&mut server).await.in_span(async |_: Value| ()).await.unwrap();
        let [sent, processed] = &spans.finished()[..] else { panic!("{}", spans.tree()) };
        assert_eq!(processed.parent_span_id.as_ref() == Some(&sent.span_id), is_child, "{mode:?}");
        assert_eq!(processed.trace_id == sent.trace_id, is_child, "{mode:?}");
        assert_eq!(processed.links.len(), links, "{mode:?}");
    }
}

#[tokio::test]
async fn without_spans_the_current_context_is_sent_and_the_received_one_is_current() {
    let spans = CheckedSpans::new();
    let (client, server) = sockets().await;
    let mut client = TracedWebSocket::new(client, tracing(&spans).propagate_only());
    let mut server = TracedWebSocket::new(server, tracing(&spans).propagate_only());
    let cx = Context::new().with_trace_context(received());
    client.send_traced(&event()).in_context(cx).await.unwrap();
    let current = async |_: Value| TraceContext::current();
    let current = next(&mut server).await.in_span(current).await.unwrap();
    assert_eq!(current.unwrap().parent(), received().parent());
    drop((client, server));
    assert_eq!(spans.finished(), []);
}

#[tokio::test]
async fn ms_1_an_event_that_brings_a_context_keeps_it_however_often_it_is_sent() {
    let spans = CheckedSpans::new();
    let [mut client, mut server] = services(&spans).await;
    client.send_traced(&json!({"a": 1})).await.unwrap();
    let first = next(&mut server).await.message;
    let again: Value = serde_json::from_str(first.to_text().unwrap()).unwrap();
    for _ in 0..2 {
        client.send_traced(&again).await.unwrap();
        let message = next(&mut server).await.message;
        let sent: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(sent, again);
    }
}

#[tokio::test]
async fn ms_7_a_relay_works_on_the_message_itself_and_is_the_next_parent() {
    let spans = CheckedSpans::for_service("runner");
    let [mut runner, mut broker] = services(&spans).await;
    let (to, api) = sockets().await;
    let mut to = TracedWebSocket::new(to, tracing(&spans.service("broker")).connection_span(false));
    let mut api = TracedWebSocket::new(api, tracing(&spans.service("api")).connection_span(false));
    runner.send_traced(&event()).await.unwrap();
    let forward = async |message: Frame| {
        let context = TraceContext::current();
        let text = Envelope::json().replace(message.to_text().unwrap(), &context).into_owned();
        to.send(Frame::text(text)).await.unwrap();
    };
    next(&mut broker).await.message_in_span(forward).await;
    next(&mut api).await.in_span(async |read: Event| assert_eq!(read, event())).await.unwrap();
    insta::assert_snapshot!(spans.tree(), @r"
    runner  send events  PRODUCER
    broker    process events  CONSUMER
    api         process events  CONSUMER
    ");
}

#[tokio::test]
async fn what_is_no_text_has_no_span_and_passes_as_it_is() {
    let spans = CheckedSpans::new();
    let [mut client, mut server] = services(&spans).await;
    let frames = [Frame::Ping("{}".into()), Frame::binary("{}"), Frame::Pong("".into())];
    for frame in &frames {
        client.send(frame.clone()).await.unwrap();
    }
    for frame in &frames[..2] {
        let passed = next(&mut server).await.message_in_span(async |message| message).await;
        assert_eq!(passed, *frame);
    }
    let not_called = async |_: Value| panic!("a pong is no event");
    assert_eq!(next(&mut server).await.in_span(not_called).await.unwrap(), None);
    assert_eq!(spans.finished(), []);
}

#[tokio::test]
async fn an_event_that_is_not_what_was_expected_fails_its_span() {
    let spans = CheckedSpans::new();
    let [mut client, mut server] = services(&spans).await;
    client.send(Frame::text(r#"{"kind":1}"#)).await.unwrap();
    let not_called = async |_: Event| panic!("it is none");
    assert!(next(&mut server).await.in_span(not_called).await.is_err());
    let span = spans.only();
    assert_eq!(span.attribute("error.type"), Some("serde_json::error::Error"));
    assert_eq!(span.attribute("messaging.message.body.size"), Some("10"));
}

#[tokio::test]
async fn work_that_panics_or_is_dropped_ends_its_span() {
    let spans = CheckedSpans::new();
    let [mut client, mut server] = services(&spans).await;
    for _ in 0..2 {
        client.send(Frame::text("{}")).await.unwrap();
    }
    let panics = next(&mut server).await.in_span(async |_: Value| panic!("at work"));
    tokio::spawn(panics).await.unwrap_err();
    let mut dropped = Box::pin(next(&mut server).await.in_span(async |_: Value| {
        std::future::pending::<()>().await;
    }));
    assert!(futures_util::poll!(&mut dropped).is_pending());
    drop(dropped);
    let ends: Vec<_> = spans.finished();
    let ends: Vec<_> = ends.iter().map(|span| span.attribute("error.type")).collect();
    assert_eq!(ends, [Some("panic"), Some("cancelled")]);
}

#[tokio::test]
async fn an_old_client_and_a_new_broker_understand_each_other() {
    let spans = CheckedSpans::for_service("broker");
    let (mut client, server) = sockets().await;
    let mut server = TracedWebSocket::new(server, tracing(&spans));
    client.send(Frame::text(serde_json::to_string(&event()).unwrap())).await.unwrap();
    next(&mut server).await.in_span(async |read: Event| assert_eq!(read, event())).await.unwrap();
    // What is sent to it has members more, where its type does not mind; the plain ones stay as they are.
    server.send_traced(&event()).await.unwrap();
    let text = client.next().await.unwrap().unwrap().into_text().unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["kind"], event().kind);
    assert!(text.ends_with(&serde_json::to_string(&event()).unwrap()[1..]));
    drop((client, server));
    insta::assert_snapshot!(spans.tree(), @r"
    broker  connection  INTERNAL

    broker  process events  CONSUMER

    broker  send events  PRODUCER
    ");
    assert_eq!(links(&spans), ["process events -> connection", "send events -> connection"]);
}
