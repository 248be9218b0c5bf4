//! Traced WebSockets, with tokio-tungstenite over a pipe and with axum over loopback.

use futures_util::{SinkExt, StreamExt};
use opentelemetry::Context;
use opentelemetry::trace::{Span, SpanKind, TraceContextExt, Tracer, TracerProvider};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use throughline::context::{TraceContext, TraceParent};
use throughline::messaging::Messaging;
use throughline::otel::{ContextExt, ContextFuture};
use throughline::websocket::{Envelope, Incoming, SendError, SocketTracing, TracedWebSocket};
pub(super) use throughline_testkit::websocket::{Socket, pair as sockets};
use throughline_testkit::{Caller, InMemorySpans, LeakCheck, Sdk, SpanRecord};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use super::http::PATIENCE;

mod binary;
mod connection;
mod handshake;
mod interleaved;
mod javascript;
mod sending;
mod spans;
#[cfg(feature = "axum")]
mod upgrade;
#[cfg(feature = "axum")]
mod with_axum;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    kind: String,
    lines: Vec<String>,
}

fn event() -> Event {
    Event { kind: "started".into(), lines: vec!["_trace".into(), "\u{e9}\"\n".into()] }
}

/// A socket that carries the context of spans that somebody else has opened.
fn traced<S>(socket: S) -> TracedWebSocket<S> {
    TracedWebSocket::new(socket, SocketTracing::new(Envelope::json()).propagate_only())
}

/// How the spans of events, and those of connections, get to `spans`.
fn tracing(spans: &InMemorySpans) -> SocketTracing {
    let events = Messaging::new("websocket").destination("events").metrics(false);
    SocketTracing::new(Envelope::json()).messaging(events.tracer_provider(spans.provider()))
}

/// A context with everything in it but the application's baggage, which stays at home.
fn received() -> TraceContext {
    let mut context = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
    *context.trace_state_mut() = "vendor=\"a\\b\"".parse().unwrap();
    context.baggage_mut().push("sentry-release", "shop@1 \u{e9}").unwrap();
    context.baggage_mut().push("sentry-sample_rand", "0.5").unwrap();
    context
}

#[tokio::test]
async fn events_carry_the_current_span_and_are_read_back() {
    let spans = InMemorySpans::new();
    let _check = LeakCheck::new().spans(&spans);
    let tracer = spans.provider().tracer("test");
    let (client, server) = sockets().await;
    let (mut client, mut server) = (traced(client), traced(server));
    for _ in 0..2 {
        let cx = Context::new().with_trace_context(received());
        let span = tracer.start_with_context("send", &cx);
        let id = span.span_context().span_id().to_string();
        client.send_traced(&event()).in_context(cx.with_span(span)).await.unwrap();

        let incoming = server.next().await.unwrap().unwrap();
        assert_eq!(incoming.decode::<Event>().unwrap().unwrap(), event());
        let context = incoming.context();
        assert_eq!(context.parent().unwrap().parent_id().to_string(), id);
        assert_eq!(context.sampled(), Some(true));
        assert_eq!(context.trace_state(), received().trace_state());
        assert_eq!(context.baggage(), received().baggage());
        assert!(incoming.extraction.refused.is_empty());
    }
}

#[tokio::test]
async fn without_a_current_context_an_event_is_the_plain_json() {
    let (client, mut server) = sockets().await;
    traced(client).send_traced(&event()).await.unwrap();
    let plain = serde_json::to_string(&event()).unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::text(plain));
}

#[tokio::test]
async fn an_event_that_is_no_object_or_cannot_be_serialized_loses_nothing() {
    let _check = LeakCheck::new();
    let (client, mut server) = sockets().await;
    let mut client = traced(client);
    let cx = || Context::new().with_trace_context(received());
    client.send_traced(&[1, 2]).in_context(cx()).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::text("[1,2]"));

    let keyed_by_list = std::collections::HashMap::from([(vec![1], 2)]);
    let error = client.send_traced(&keyed_by_list).in_context(cx()).await.unwrap_err();
    assert!(matches!(error, SendError::Encode(_)), "{error}");
    client.send_traced(&event()).await.unwrap();
    assert!(server.next().await.unwrap().unwrap().is_text(), "the connection goes on");
}

#[tokio::test]
async fn what_is_no_text_passes_untouched() {
    let (client, mut server) = sockets().await;
    let mut client = traced(client);
    let close = CloseFrame { code: CloseCode::Away, reason: "{\"_trace\":1}".into() };
    let frames = [
        Frame::Ping(context_bytes().into()),
        Frame::Pong(vec![0xff].into()),
        Frame::Binary(context_bytes().into()),
        Frame::Binary(vec![].into()),
        Frame::Close(Some(close)),
    ];
    for frame in &frames {
        server.send(frame.clone()).await.unwrap();
    }
    for frame in frames {
        let incoming = client.next().await.unwrap().unwrap();
        assert!(incoming.context().is_empty() && incoming.extraction.refused.is_empty());
        assert!(incoming.decode::<Value>().is_none());
        assert_eq!(incoming.message, frame);
    }
}

fn context_bytes() -> Vec<u8> {
    format!(r#"{{"_trace":{{"traceparent":"{PARENT}"}}}}"#).into_bytes()
}

#[tokio::test]
async fn a_message_that_is_sent_through_the_sink_goes_out_as_it_is() {
    let _check = LeakCheck::new();
    let (client, mut server) = sockets().await;
    let mut client = traced(client);
    let frames = [
        Frame::text(" { \"kind\" : 1 } "),
        Frame::text("no json"),
        Frame::binary(&b"{}"[..]),
        Frame::Ping(vec![1].into()),
    ];
    for frame in &frames {
        let cx = Context::new().with_trace_context(received());
        client.send(frame.clone()).in_context(cx).await.unwrap();
    }
    for frame in frames {
        assert_eq!(server.next().await.unwrap().unwrap(), frame);
    }
}

#[tokio::test]
async fn ms_4_a_bad_context_never_loses_the_message() {
    let _check = LeakCheck::new();
    let (client, mut server) = sockets().await;
    let mut client = traced(client);
    let rest = serde_json::to_string(&event()).unwrap().split_off(1);
    let long = "x".repeat(20_000);
    for (bad, rule) in [
        ("null".to_owned(), "MS-4"),
        ("[[[[{}]]]]".to_owned(), "MS-4"),
        (r#"{"traceparent":1e999}"#.to_owned(), "MS-4"),
        (r#"{"traceparent":"\ud800"}"#.to_owned(), "MS-4"),
        (r#"{"traceparent":""}"#.to_owned(), "TP-3"),
        (r#"{"sentry-trace":"1"}"#.to_owned(), "SE-1"),
        (format!(r#"{{"baggage":"{long}"}}"#), "TR-4"),
    ] {
        let text = format!(r#"{{"_trace":{bad},{rest}"#);
        server.send(Frame::text(text.clone())).await.unwrap();
        let incoming = client.next().await.unwrap().unwrap();
        assert_eq!(incoming.extraction.refused[0].rule().id(), rule, "{bad}");
        assert!(incoming.context().is_empty());
        assert_eq!(incoming.decode::<Event>().unwrap().unwrap(), event(), "{bad}");
        assert_eq!(incoming.message, Frame::text(text));
    }
    server.send(Frame::text("{\"_trace\":")).await.unwrap();
    let incoming = client.next().await.unwrap().unwrap();
    assert!(incoming.decode::<Event>().unwrap().is_err(), "no JSON, and still a message");
    assert_eq!(incoming.message, Frame::text("{\"_trace\":"));
}

#[tokio::test]
async fn ms_8_a_message_with_sentry_alone_continues_wherever_the_key_stands() {
    let _check = LeakCheck::new();
    let (client, mut server) = sockets().await;
    let mut client = traced(client);
    let plain = r#"{"kind":"x","lines":[]}"#;
    // Sentry's SDK for Rust sends no baggage, the one for JavaScript does.
    for caller in [Caller::new(Sdk::SentryRust), Caller::new(Sdk::SentryJs)] {
        for text in [caller.first_in(plain), caller.last_in(plain)] {
            server.send(Frame::text(text)).await.unwrap();
            let incoming = client.next().await.unwrap().unwrap();
            assert_eq!(incoming.context().parent(), Some(&caller.parent()));
            assert_eq!(incoming.decode::<Event>().unwrap().unwrap().kind, "x");
        }
    }
}

#[tokio::test]
async fn a_socket_can_be_split_before_and_after_it_is_wrapped() {
    let _check = LeakCheck::new();
    let (client, server) = sockets().await;
    let (sink, stream) = StreamExt::split(client);
    let (mut sender, mut client_stream) = (traced(sink), traced(stream));
    let (mut server_sink, mut receiver) = traced(server).split();

    let answer = tokio::spawn(async move {
        let incoming = receiver.next().await.unwrap().unwrap();
        server_sink.send(incoming.message.clone()).await.unwrap();
        incoming.context().clone()
    });
    let cx = Context::new().with_trace_context(received());
    sender.send_traced(&event()).in_context(cx).await.unwrap();
    let incoming = client_stream.next().await.unwrap().unwrap();
    assert_eq!(incoming.context().parent(), received().parent());
    assert_eq!(&answer.await.unwrap(), incoming.context());
}

#[tokio::test]
async fn a_stream_that_has_ended_stays_ended() {
    let _check = LeakCheck::new();
    let (client, server) = sockets().await;
    let mut client = traced(client);
    drop(server);
    assert!(client.next().await.unwrap().is_err(), "an error of the socket is passed on");
    assert!(client.next().await.is_none());
    let error = client.send_traced(&event()).await.unwrap_err();
    assert!(
        matches!(&error, SendError::Refused(tungstenite::Error::AlreadyClosed, _)),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "the socket does not take the event");
}

#[tokio::test]
async fn ms_7_relays_are_links_of_the_chain() {
    let spans = InMemorySpans::for_service("runner");
    let _check = LeakCheck::new().spans(&spans);
    let (runner, broker_in) = sockets().await;
    let (broker_out, api) = sockets().await;

    let broker = relay(spans.service("broker"), broker_in, broker_out);
    let api = async {
        let mut api = traced(api);
        let incoming = api.next().await.unwrap().unwrap();
        consume(&spans.service("api"), "process", &incoming, |_| ());
        // Nothing but the context has changed on the way.
        let text = incoming.message.to_text().unwrap();
        assert_eq!(Envelope::json().strip(text), serde_json::to_string(&event()).unwrap());
        incoming.decode::<Event>().unwrap().unwrap()
    };
    let runner = async {
        let tracer = spans.provider().tracer("test");
        let span = tracer.span_builder("send").with_kind(SpanKind::Producer);
        let cx = Context::new().with_trace_context(received());
        let cx = cx.with_span(span.start_with_context(&tracer, &cx));
        traced(runner).send_traced(&event()).in_context(cx.clone()).await.unwrap();
        cx.span().end();
    };
    let ((), (), arrived) = tokio::join!(runner, broker, api);
    assert_eq!(arrived, event());
    let all = spans.wait_for(|spans| spans.len() == 3, PATIENCE).await.unwrap();
    assert!(all.iter().all(|span| span.trace_id == PARENT[3..35]));
    insta::assert_snapshot!(spans.tree(), @r"
    runner  send  PRODUCER  (parent missing)
    broker    forward  CONSUMER
    api         process  CONSUMER
    ");
}

/// Forwards one message with a span of its own as the next hop's parent.
async fn relay(spans: InMemorySpans, from: Socket, mut to: Socket) {
    let incoming = traced(from).next().await.unwrap().unwrap();
    let text = consume(&spans, "forward", &incoming, |cx| {
        let text = incoming.message.to_text().unwrap();
        Envelope::json().replace(text, &cx.trace_context()).into_owned()
    });
    to.send(Frame::text(text)).await.unwrap();
}

/// Works in a span that is a child of the message's sender.
pub(super) fn consume<R>(
    spans: &InMemorySpans,
    name: &'static str,
    incoming: &Incoming<Frame>,
    work: impl FnOnce(&Context) -> R,
) -> R {
    let tracer = spans.provider().tracer("test");
    let cx = Context::new().with_trace_context(incoming.context().clone());
    let span = tracer.span_builder(name).with_kind(SpanKind::Consumer);
    let cx = cx.with_span(span.start_with_context(&tracer, &cx));
    let result = work(&cx);
    cx.span().end();
    result
}

#[tokio::test]
async fn ms_7_a_relay_without_replacing_is_missing_from_the_chain() {
    // What requirement 003 does, to show that the test above can fail.
    let spans = InMemorySpans::new();
    let _check = LeakCheck::new().spans(&spans);
    let (mut runner, broker) = sockets().await;
    let cx = Context::new().with_trace_context(received());
    let text = async { Envelope::json().encode(&json!({"a": 1})).unwrap() }.in_context(cx).await;
    runner.send(Frame::text(text.clone())).await.unwrap();
    let incoming = traced(broker).next().await.unwrap().unwrap();
    let forwarded = consume(&spans, "forward", &incoming, |cx| {
        Envelope::json().inject(&text, &cx.trace_context()).into_owned()
    });
    assert_eq!(forwarded, text, "injecting never overwrites (MS-1)");
    let SpanRecord { parent_span_id, .. } = spans.only();
    assert_eq!(parent_span_id.as_deref(), Some(&PARENT[36..52]));
}
