//! Sockets that do not take an event at once, or not at all.

use futures_util::{FutureExt, Sink, SinkExt, StreamExt};
use serde_json::{Value, json};
use throughline::websocket::{Envelope, Message, SendError, TracedWebSocket};
use throughline_testkit::limits::PIPE_BYTES;
use tokio::io::duplex;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use super::{Event, Socket, event, sockets, traced, tracing};
use crate::checked_spans::CheckedSpans;

/// An event of some more bytes than that.
fn long(bytes: usize) -> Event {
    Event { kind: "long".into(), lines: vec!["x".repeat(bytes)] }
}

async fn next(socket: &mut Socket) -> String {
    socket.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn what_is_cancelled_is_handed_over_as_a_whole_or_not_at_all() {
    let spans = CheckedSpans::new();
    let (client, mut server) = sockets().await;
    let mut client = TracedWebSocket::new(client, tracing(&spans));
    assert!(client.send_traced(&long(3 * PIPE_BYTES)).now_or_never().is_none(), "it is too long");
    assert!(client.send_traced(&event()).now_or_never().is_none(), "the first is in its way");
    let (flushed, first) = tokio::join!(SinkExt::<Frame>::flush(&mut client), next(&mut server));
    flushed.unwrap();
    let (read, found) = Envelope::json().decode::<Event>(&first).unwrap();
    assert_eq!(read, long(3 * PIPE_BYTES));

    client.send_traced(&json!({"a": 1})).await.unwrap();
    assert!(next(&mut server).await.ends_with(r#""a":1}"#), "the second one was never handed over");
    let sent = spans.finished();
    let ends: Vec<_> = sent.iter().map(|span| span.attribute("error.type")).collect();
    assert_eq!(ends, [Some("cancelled"), Some("cancelled"), None]);
    let sender = found.context.parent().unwrap().parent_id().to_string();
    assert_eq!(sender, sent[0].span_id, "who was cancelled is still the sender");
}

/// Sends until the socket has no room left: how many it has taken, and the one that came back.
fn fill<S, M>(socket: &mut TracedWebSocket<S>) -> (usize, M)
where
    S: Sink<M, Error: std::error::Error> + Unpin,
    M: Message,
{
    for taken in 0..1000 {
        // Whoever waits for a full socket is cancelled here, with the message handed over.
        if let Some(Err(error)) = socket.send_traced(&long(100_000)).now_or_never() {
            return (taken, error.into_message().unwrap());
        }
    }
    panic!("it takes everything");
}

/// A socket with room for one message besides what is on the wire. It does not begin to write before
/// it is flushed, so that there is a time in which it is full and nobody waits for it.
fn small() -> WebSocketConfig {
    WebSocketConfig::default().write_buffer_size(130_000).max_write_buffer_size(130_001)
}

async fn small_sockets() -> (Socket, Socket) {
    let (client, server) = duplex(PIPE_BYTES);
    (
        WebSocketStream::from_raw_socket(client, Role::Client, Some(small())).await,
        WebSocketStream::from_raw_socket(server, Role::Server, None).await,
    )
}

async fn comes_back<S>(spans: &CheckedSpans, mut client: TracedWebSocket<S>, mut server: Socket)
where
    S: Sink<Frame, Error = tungstenite::Error> + Unpin,
{
    let (taken, message) = fill(&mut client);
    let refused = spans.finished().pop().unwrap();
    assert_eq!(refused.attribute("error.type"), Some("tungstenite::error::Error"));
    let text = message.to_text().unwrap().to_owned();
    let parent = Envelope::json().extract(&text).context;
    assert_eq!(parent.parent().unwrap().parent_id().to_string(), refused.span_id);

    let received = tokio::spawn(async move {
        let mut texts = Vec::new();
        for _ in 0..=taken {
            texts.push(next(&mut server).await);
        }
        texts
    });
    client.flush().await.unwrap();
    client.send(message).await.unwrap();
    let texts = received.await.unwrap();
    assert_eq!(texts.last(), Some(&text), "the same bytes with the same context");
    assert!(
        texts.iter().all(|text| Envelope::json().decode::<Event>(text).unwrap().0 == long(100_000))
    );
}

#[tokio::test]
async fn a_full_buffer_gives_the_message_back_with_its_context() {
    let spans = CheckedSpans::new();
    let (client, server) = small_sockets().await;
    comes_back(&spans, TracedWebSocket::new(client, tracing(&spans)), server).await;
}

#[tokio::test]
async fn a_half_of_a_socket_gives_it_back_too() {
    let spans = CheckedSpans::new();
    let (client, server) = small_sockets().await;
    let (sender, receiver) = TracedWebSocket::new(client, tracing(&spans)).split();
    comes_back(&spans, sender, server).await;
    drop(receiver);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_socket_of_axum_gives_it_back_too() {
    use axum::Router;
    use axum::extract::ws::{Message as AxumMessage, WebSocketUpgrade};
    use axum::routing::any;
    use throughline::websocket::WebSocketUpgradeExt;

    let spans = CheckedSpans::new();
    let tracing = tracing(&spans);
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        let upgrade = upgrade.write_buffer_size(130_000).max_write_buffer_size(130_001);
        upgrade.on_upgrade_traced(tracing, async |mut socket| {
            let (taken, message): (_, AxumMessage) = fill(&mut socket);
            socket.flush().await.unwrap();
            let text = message.to_text().unwrap().to_owned();
            socket.send(message).await.unwrap();
            socket.send(AxumMessage::text(text)).await.unwrap();
            socket.send(AxumMessage::text(taken.to_string())).await.unwrap();
            socket.close().await.unwrap();
        })
    };
    let address = crate::http::serve(Router::new().route("/", any(upgrade))).await;
    let (mut client, _) =
        tokio_tungstenite::connect_async(format!("ws://{address}/")).await.unwrap();
    let mut texts = Vec::new();
    while let Some(Ok(Frame::Text(text))) = client.next().await {
        texts.push(text);
    }
    let [.., sent_again, same, taken] = &texts[..] else { panic!("{}", texts.len()) };
    assert_eq!(sent_again, same);
    assert_eq!(taken.parse::<usize>().unwrap() + 3, texts.len(), "none is lost, none comes twice");
    let ended = |spans: &[throughline_testkit::SpanRecord]| {
        spans.iter().any(|span| span.name == "connection")
    };
    spans.wait_for(ended, crate::http::PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_socket_that_is_gone_gives_the_message_back() {
    let spans = CheckedSpans::new();
    let (client, server) = sockets().await;
    let mut client = TracedWebSocket::new(client, tracing(&spans));
    drop(server);
    client.next().await.unwrap().unwrap_err();
    let error = client.send_traced(&event()).await.unwrap_err();
    assert_eq!(error.to_string(), "the socket does not take the event");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(format!("{error:?}"), format!("{error}: {source}"), "no message in it");
    let message: Frame = error.into_message().unwrap();
    let (read, _) = Envelope::json().decode::<Event>(message.to_text().unwrap()).unwrap();
    assert_eq!(read, event());
}

#[tokio::test]
async fn a_socket_that_breaks_in_mid_message_does_not_give_it_back() {
    let spans = CheckedSpans::new();
    let (client, server) = sockets().await;
    let mut client = TracedWebSocket::new(client, tracing(&spans));
    let event = long(3 * PIPE_BYTES);
    let mut sending = Box::pin(client.send_traced::<_, Frame>(&event));
    assert!(futures_util::poll!(&mut sending).is_pending());
    drop(server);
    let error = sending.await.unwrap_err();
    assert!(matches!(error, SendError::Socket(_)), "{error:?}");
    drop(error);
    let ends = spans.finished();
    assert!(ends.iter().all(|span| span.is_error()), "the connection too: {}", spans.tree());
    assert_eq!(ends.len(), 2);
}

#[tokio::test]
async fn an_event_that_its_context_would_make_too_long_goes_without_it() {
    let spans = CheckedSpans::new();
    let plain = serde_json::to_string(&event()).unwrap();
    for room in [0, 64, 400] {
        let (client, server) = duplex(PIPE_BYTES);
        let limit = plain.len() + room;
        let config = WebSocketConfig::default().max_message_size(Some(limit));
        let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        let server = WebSocketStream::from_raw_socket(server, Role::Server, Some(config)).await;
        let mut client = TracedWebSocket::new(client, tracing(&spans).max_message_bytes(limit));
        let mut server = traced(server);
        client.send_traced(&event()).await.unwrap();
        let incoming = server.next().await.unwrap().unwrap();
        assert_eq!(incoming.decode::<Event>().unwrap().unwrap(), event());
        let omitted = incoming.context().is_empty();
        assert_eq!(omitted, room < 400);
        assert_eq!(incoming.message.to_text().unwrap() == plain, omitted);
        let span = spans.finished().pop().unwrap();
        let said = span.attribute("throughline.context.omitted");
        assert_eq!(said, omitted.then_some("true"));
        drop((client, server));
        spans.clear();
    }
}

#[tokio::test]
async fn without_that_setting_the_other_side_ends_the_connection() {
    let spans = CheckedSpans::new();
    let plain = serde_json::to_string(&event()).unwrap();
    let (client, server) = duplex(PIPE_BYTES);
    let config = WebSocketConfig::default().max_message_size(Some(plain.len()));
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let server = WebSocketStream::from_raw_socket(server, Role::Server, Some(config)).await;
    let mut client = TracedWebSocket::new(client, tracing(&spans));
    let mut server = TracedWebSocket::new(server, tracing(&spans));
    client.send_traced(&event()).await.unwrap();
    let error = server.next().await.unwrap().unwrap_err();
    assert!(matches!(error, tungstenite::Error::Capacity(_)), "{error}");
    assert_eq!(spans.finished()[1].attribute("error.type"), Some("tungstenite::error::Error"));
}

#[tokio::test]
async fn an_event_that_cannot_be_serialized_fails_its_span_and_nothing_else() {
    let spans = CheckedSpans::new();
    let (client, mut server) = sockets().await;
    let mut client = TracedWebSocket::new(client, tracing(&spans));
    let keyed_by_list = std::collections::HashMap::from([(vec![1], 2)]);
    let error = client.send_traced(&keyed_by_list).await.unwrap_err();
    assert!(matches!(error, SendError::Encode(_)) && error.into_message().is_none());
    assert_eq!(spans.only().attribute("error.type"), Some("serde_json::error::Error"));
    client.send_traced(&event()).await.unwrap();
    let read: Value = serde_json::from_str(&next(&mut server).await).unwrap();
    assert_eq!(read["kind"], "started");
}
