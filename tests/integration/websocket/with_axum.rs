//! axum's sockets beside those of tokio-tungstenite.

use axum::Router;
use axum::extract::ws::{Message as AxumMessage, WebSocketUpgrade};
use axum::routing::any;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use opentelemetry::Context;
use serde_json::Value;
use throughline::otel::{ContextExt, ContextFuture};
use throughline::websocket::{Envelope, Incoming, Message};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{WebSocketStream, connect_async};

use super::{context_bytes, event, received, sockets, traced};
use crate::http::serve;

/// Answers every event with the same event, in the context that it came with.
async fn echo<S, M, E>(socket: S)
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error: std::error::Error> + Unpin,
    M: Message,
{
    let mut socket = traced(socket);
    while let Some(Ok(incoming)) = StreamExt::next(&mut socket).await {
        let Some(event) = incoming.decode::<Value>() else { continue };
        let cx = Context::new().with_trace_context(incoming.extraction.context);
        socket.send_traced::<_, M>(&event.unwrap()).in_context(cx).await.unwrap();
    }
}

/// What a client sends and what it gets back, as texts.
async fn exchange(
    mut socket: WebSocketStream<impl AsyncRead + AsyncWrite + Unpin>,
    sent: &[String],
) -> Vec<String> {
    let mut answers = Vec::new();
    for text in sent {
        socket.send(Frame::text(text.clone())).await.unwrap();
        answers.push(socket.next().await.unwrap().unwrap().into_text().unwrap().to_string());
    }
    socket.close(None).await.unwrap();
    answers
}

#[tokio::test]
async fn both_libraries_read_and_write_the_same_bytes() {
    let cx = Context::new().with_trace_context(received());
    let event = async { Envelope::json().encode(&event()).unwrap() }.in_context(cx).await;
    let sent = [event, r#"{"a":1}"#.into(), r#"{"_trace":7,"a":1}"#.into(), "[\"_trace\"]".into()];

    let (client, server) = sockets().await;
    let serving = tokio::spawn(echo(server));
    let tungstenite = exchange(client, &sent).await;
    serving.await.unwrap();

    let upgrade = |upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) };
    let address = serve(Router::new().route("/", any(upgrade))).await;
    let (client, _) = connect_async(format!("ws://{address}/")).await.unwrap();
    let axum = exchange(client, &sent).await;

    assert_eq!(tungstenite, axum);
    assert_eq!(axum[0], sent[0]);
    assert_eq!(axum[1..], [r#"{"a":1}"#, r#"{"a":1}"#, "[\"_trace\"]"]);
}

#[tokio::test]
async fn messages_of_axum_that_are_no_text_pass_untouched() {
    let (seen, mut received) = mpsc::channel(8);
    let upgrade = |upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(async move |socket| {
            let mut socket = traced(socket);
            while let Some(Ok(incoming)) = socket.next().await {
                let Incoming { message, extraction, .. } = incoming;
                seen.send((message, extraction.context.is_empty())).await.unwrap();
            }
        })
    };
    let address = serve(Router::new().route("/", any(upgrade))).await;
    let (mut client, _) = connect_async(format!("ws://{address}/")).await.unwrap();
    client.send(Frame::Ping(context_bytes().into())).await.unwrap();
    client.send(Frame::Pong(vec![2].into())).await.unwrap();
    client.send(Frame::Binary(context_bytes().into())).await.unwrap();
    client.send(Frame::text("no json")).await.unwrap();
    client.close(None).await.unwrap();
    for expected in [
        AxumMessage::Ping(context_bytes().into()),
        AxumMessage::Pong(vec![2].into()),
        AxumMessage::Binary(context_bytes().into()),
        AxumMessage::Text("no json".into()),
        AxumMessage::Close(None),
    ] {
        assert_eq!(received.recv().await.unwrap(), (expected, true));
    }
}
