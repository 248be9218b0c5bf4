//! The span of a connection, and the metric of those that are open.

use futures_util::{FutureExt, SinkExt, StreamExt};
use proptest::prelude::*;
use throughline::messaging::Messaging;
use throughline::websocket::{Envelope, SocketTracing, TracedWebSocket};
use throughline_testkit::{InMemorySpans, SpanRecord};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::{Socket, event, sockets, tracing};
use crate::checked_spans::CheckedSpans;
use crate::messaging::measured::Measured;

fn close(code: u16, reason: &str) -> Frame {
    Frame::Close(Some(CloseFrame { code: code.into(), reason: reason.to_owned().into() }))
}

/// What a connection's span says of its end: the error, close code and reason, messages in and out.
fn end(span: &SpanRecord) -> [Option<&str>; 5] {
    assert_eq!(span.name, "connection");
    [
        "error.type",
        "websocket.close.code",
        "websocket.close.reason",
        "websocket.messages.received",
        "websocket.messages.sent",
    ]
    .map(|key| span.attribute(key))
}

#[tokio::test]
async fn it_ends_with_the_close_frame_and_says_why() {
    let spans = CheckedSpans::new();
    let (mut client, server) = sockets().await;
    let mut server = TracedWebSocket::new(server, tracing(&spans));
    let reason = "\u{e4}".repeat(61);
    for frame in [Frame::text("{}"), Frame::binary("x"), Frame::Ping("".into())] {
        client.send(frame).await.unwrap();
    }
    server.send(Frame::text("{}")).await.unwrap();
    client.send(close(4001, &reason)).await.unwrap();
    for _ in 0..3 {
        server.next().await.unwrap().unwrap();
    }
    assert_eq!(spans.finished(), [], "it goes on");
    assert_eq!(server.next().await.unwrap().unwrap().message, close(4001, &reason));
    let expected = [None, Some("4001"), Some(reason.as_str()), Some("2"), Some("1")];
    assert_eq!(end(&spans.only()), expected);
    // The closing goes on as if nobody had looked.
    assert!(server.next().await.is_none());
    drop(server);
    assert_eq!(spans.finished().len(), 1, "it ends once");
    for _ in 0..2 {
        client.next().await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn who_closes_first_says_why() {
    let spans = CheckedSpans::new();
    let (client, mut server) = sockets().await;
    let mut client = TracedWebSocket::new(client, tracing(&spans));
    client.send(close(1001, "going")).await.unwrap();
    assert_eq!(spans.finished(), [], "the other side may still send");
    server.next().await.unwrap().unwrap();
    assert!(server.next().await.is_none());
    client.next().await.unwrap().unwrap();
    assert_eq!(end(&spans.only()), [None, Some("1001"), Some("going"), Some("0"), Some("0")]);
}

#[tokio::test]
async fn an_empty_close_frame_has_no_code() {
    let spans = CheckedSpans::new();
    let (mut client, server) = sockets().await;
    client.close(None).await.unwrap();
    TracedWebSocket::new(server, tracing(&spans)).next().await.unwrap().unwrap();
    assert_eq!(end(&spans.only())[..3], [None; 3]);
}

#[tokio::test]
async fn an_end_without_a_close_frame_is_an_error() {
    let spans = CheckedSpans::new();
    let (client, server) = sockets().await;
    let mut server = TracedWebSocket::new(server, tracing(&spans));
    drop(client);
    server.next().await.unwrap().unwrap_err();
    let span = spans.only();
    assert!(span.is_error());
    assert_eq!(end(&span)[..2], [Some("tungstenite::error::Error"), None]);
}

#[tokio::test]
async fn to_drop_it_or_to_take_it_apart_is_no_error() {
    let spans = CheckedSpans::new();
    let (client, server) = sockets().await;
    drop(TracedWebSocket::new(client, tracing(&spans)));
    let mut server = TracedWebSocket::new(server, tracing(&spans)).into_inner();
    server.next().await.unwrap().unwrap_err();
    let ends = spans.finished();
    assert_eq!(ends.iter().map(|span| end(span)[0]).collect::<Vec<_>>(), [None, None]);
}

#[tokio::test]
async fn it_ends_with_its_second_half_whatever_is_still_worked_on() {
    let spans = CheckedSpans::new();
    let (mut client, server) = sockets().await;
    let (sender, mut receiver) = TracedWebSocket::new(server, tracing(&spans)).split();
    client.send(Frame::text("{}")).await.unwrap();
    let incoming = receiver.next().await.unwrap().unwrap();
    drop(receiver);
    assert_eq!(spans.finished(), []);
    drop(sender);
    assert_eq!(end(&spans.only())[3..], [Some("1"), Some("0")]);
    incoming.in_span(async |_: serde_json::Value| ()).await.unwrap();
    assert_eq!(spans.finished().len(), 2);
}

#[tokio::test]
async fn a_connection_without_a_span_leaves_its_messages_without_a_link() {
    let spans = CheckedSpans::new();
    let (client, _server) = sockets().await;
    let mut client = TracedWebSocket::new(client, tracing(&spans).connection_span(false));
    client.send_traced(&event()).await.unwrap();
    drop(client);
    assert_eq!(spans.only().links, []);
}

/// What happens to one end of a connection.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    SendAndGiveUp,
    Receive,
    Close,
    Unwrap,
    DropOneHalf,
    LoseTheOtherSide,
    Panic,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Send),
        2 => Just(Step::SendAndGiveUp),
        4 => Just(Step::Receive),
        1 => Just(Step::Close),
        1 => Just(Step::Unwrap),
        1 => Just(Step::DropOneHalf),
        1 => Just(Step::LoseTheOtherSide),
        1 => Just(Step::Panic),
    ]
}

/// Takes the steps until one of them ends it. Whatever is left is dropped.
async fn live(socket: Socket, other: Socket, tracing: SocketTracing, steps: Vec<Step>) {
    let (mut sender, receiver) = TracedWebSocket::new(socket, tracing.clone()).split();
    let mut receiver = Some(receiver);
    let mut other = Some(TracedWebSocket::new(other, tracing));
    for step in steps {
        match step {
            Step::Send => {
                if let Some(other) = &mut other {
                    let _ = other.send_traced(&event()).await;
                }
            }
            Step::SendAndGiveUp => drop(sender.send_traced(&event()).now_or_never()),
            Step::Receive => {
                if let Some(receiver) = &mut receiver {
                    let _ = receiver.next().now_or_never();
                }
            }
            Step::Close => drop(SinkExt::<Frame>::close(&mut sender).now_or_never()),
            Step::Unwrap => drop(other.take().map(TracedWebSocket::into_inner)),
            Step::DropOneHalf => drop(receiver.take()),
            Step::LoseTheOtherSide => drop(other.take()),
            Step::Panic => panic!("in the task of the connection"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_no_connection_stays_open_and_each_span_ends_once(
        connections in prop::collection::vec(prop::collection::vec(step(), 0..12), 1..5)
    ) {
        let (spans, measured) = (InMemorySpans::new(), Measured::new());
        let check = throughline_testkit::LeakCheck::new().spans(&spans);
        let messaging = Messaging::new("websocket")
            .tracer_provider(spans.provider())
            .meter_provider(measured.provider());
        let tracing = SocketTracing::new(Envelope::json()).messaging(messaging);
        let opened = connections.len();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for steps in connections {
                let (socket, other) = sockets().await;
                let _ = tokio::spawn(live(socket, other, tracing.clone(), steps)).await;
            }
        });
        let lines = measured.lines();
        prop_assert!(lines.contains("websocket.connection.count 0 {connection}"), "{}", lines);
        let ended = spans.finished().iter().filter(|span| span.name == "connection").count();
        prop_assert_eq!(ended, 2 * opened);
        check.finish();
    }
}

#[tokio::test]
async fn open_connections_are_counted() {
    let measured = Measured::new();
    let messaging = Messaging::new("websocket").meter_provider(measured.provider());
    let tracing = SocketTracing::new(Envelope::json()).messaging(messaging);
    let (client, server) = sockets().await;
    let (client, server) =
        (TracedWebSocket::new(client, tracing.clone()), TracedWebSocket::new(server, tracing));
    assert_eq!(measured.lines(), "websocket.connection.count 2 {connection}");
    let (sender, receiver) = client.split();
    drop((server, receiver));
    assert_eq!(measured.lines(), "websocket.connection.count 1 {connection}");
    drop(sender);
    assert_eq!(measured.lines(), "websocket.connection.count 0 {connection}");
}
