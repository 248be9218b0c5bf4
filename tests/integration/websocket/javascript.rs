//! The module for browsers and Node at the other end, in a process of its own.

use std::process::{Child, Command, Stdio};

use futures_util::{Sink, Stream};
use throughline::propagation::Propagator;
use throughline::websocket::{SocketTracing, Subprotocol};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

/// Node with the module, which ends with this value.
struct Peer(Child);

impl Peer {
    fn start(url: &str, subprotocol: Option<&str>) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/js/test/peer.js");
        let child = Command::new("node")
            .args(["--experimental-websocket", "--no-warnings", script, url])
            .args(subprotocol)
            .stdin(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("node cannot be started: {error}")))
    }

    async fn ended_well(mut self) {
        let ended = tokio::task::spawn_blocking(move || self.0.wait().unwrap());
        assert!(timeout(PATIENCE, ended).await.unwrap().unwrap().success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Debug, Deserialize)]
struct Answer {
    received: Value,
    refused: Vec<Value>,
    /// The message without its context.
    message: String,
    span: String,
}

#[tokio::test]
async fn javascript_and_rust_are_two_ends_of_one_trace() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer::start(&format!("ws://{}", listener.local_addr().unwrap()), None);
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    let envelope = Envelope::json().propagation(Propagator::default().forward_baggage(true));
    let mut socket = TracedWebSocket::new(socket, envelope.clone());

    let plain = r#"{"kind":"x","n":12345678901234567890,"f":1.0,"s":"\u00e9é_trace"}"#;
    for context in contexts(&envelope) {
        let text = envelope.inject(plain, &context).into_owned();
        socket.send(Frame::text(text)).await.unwrap();
        let incoming = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        let answer: Answer = incoming.decode().unwrap().unwrap();
        assert_eq!(answer.message, plain);
        assert!(answer.refused.is_empty() && incoming.extraction.refused.is_empty());
        assert_received(&answer.received, &context);

        let found = incoming.context();
        let parent = found.parent().unwrap();
        assert_eq!(parent.parent_id().to_string(), answer.span);
        // Node makes the decision that is still open.
        assert_eq!(parent.sampled(), context.sampled().or(Some(true)));
        assert_eq!(found.trace_state().as_str(), context.trace_state().as_str());
        assert_eq!(found.baggage().as_str(), context.baggage().as_str());
        match context.parent() {
            Some(sent) => assert_eq!(parent.trace_id(), sent.trace_id()),
            None => assert!(parent.random(), "a trace that begins in Node has a random id"),
        }
    }
    end(socket, peer).await;
}

#[tokio::test]
async fn javascript_and_rust_frame_binary_messages_alike() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer::start(&format!("ws://{}", listener.local_addr().unwrap()), Some("chat"));
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let (socket, agreed) = super::binary::accept(stream, &["chat"]).await;
    assert_eq!(agreed.as_ref().map(Subprotocol::as_str), Some("chat+throughline.v1"));
    let envelope = Envelope::json().propagation(Propagator::default().forward_baggage(true));
    let tracing = SocketTracing::new(envelope.clone()).propagate_only();
    let mut socket = TracedWebSocket::new(socket, tracing).agreed(agreed.as_ref());

    for (context, payload) in
        contexts(&envelope).into_iter().zip([&b""[..], b"\x01\0\0", &[0xff; 9000], b"x"])
    {
        let cx = Context::new().with_trace_context(context.clone());
        socket.send_binary_traced(payload).in_context(cx).await.unwrap();
        let incoming = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(incoming.message, Frame::binary(payload.to_vec()));
        assert!(incoming.extraction.refused.is_empty());
        let found = incoming.context();
        assert_eq!(found.trace_state().as_str(), context.trace_state().as_str());
        if let Some(sent) = context.parent() {
            assert_eq!(found.parent().unwrap().trace_id(), sent.trace_id());
            assert_ne!(found.parent().unwrap().parent_id(), sent.parent_id());
        }
    }
    end(socket, peer).await;
}

async fn end<S>(mut socket: TracedWebSocket<S>, peer: Peer)
where
    S: Sink<Frame, Error = tungstenite::Error> + Stream<Item = tungstenite::Result<Frame>> + Unpin,
{
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    socket.send(Frame::Close(Some(goodbye))).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    // Node waits for the end of the connection, which is the server's to make.
    drop(socket);
    peer.ended_well().await;
}

/// With everything, not sampled, with an open decision, and without a trace.
fn contexts(envelope: &Envelope) -> Vec<TraceContext> {
    let id = &PARENT[3..52];
    let places = [
        format!(
            r#""_trace":{{"traceparent":"00-{id}-03","tracestate":"vendor=\"a\\b\", b= 2","baggage":"user=J%C3%BC;p=%2C , b=+"}}"#
        ),
        format!(r#""_trace":{{"traceparent":"00-{id}-00"}}"#),
        format!(r#""_sentry":{{"trace":"{id}","baggage":"sentry-sample_rand=0.5"}}"#),
        String::new(),
    ];
    places.iter().map(|place| envelope.extract(&format!("{{{place}}}")).context).collect()
}

#[track_caller]
fn assert_received(received: &Value, context: &TraceContext) {
    let parent = context.parent();
    let expected = json!({
        "traceId": parent.map(|parent| parent.trace_id().to_string()),
        "parentId": parent.map(|parent| parent.parent_id().to_string()),
        "sampled": context.sampled(),
        "random": parent.is_some_and(|parent| parent.random()),
        "tracestate": context.trace_state().as_str(),
        "baggage": context.baggage().as_str(),
    });
    assert_eq!(received, &expected);
}
