//! The context of the connection itself, there and back, through handshakes of tokio-tungstenite.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use opentelemetry::Context;
use throughline::context::TraceContext;
use throughline::http::ServerLayer;
use throughline::limits::REFUSALS;
use throughline::messaging::Messaging;
use throughline::otel::{ContextExt, ContextFuture};
use throughline::propagation::{Extraction, Propagator, Targets};
use throughline::websocket::{Envelope, QueryParameters, SocketTracing, TracedWebSocket};
use throughline_testkit::headers::{assert_continues, assert_no_trace};
use throughline_testkit::limits::PIPE_BYTES;
use tokio::io::duplex;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request as Asked, Response,
};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{accept_hdr_async, client_async};
use tower::{Layer, ServiceExt, service_fn};

use super::{Event, PARENT, Socket, event, received, sockets, tracing};
use crate::checked_spans::CheckedSpans;
use crate::messaging::links;
use crate::messaging::measured::Measured;

const ADDRESS: &str = "ws://example.com/events?room=7";

/// A handshake, after which the server knows who has asked.
async fn shake_hands(
    tracing: &SocketTracing,
    request: Request<()>,
    answer: StatusCode,
) -> (Result<Socket, Error>, Result<Socket, Error>, Extraction) {
    let (client, server) = duplex(PIPE_BYTES);
    let mut caller = Extraction::default();
    #[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
    let accept = |asked: &Asked, response: Response| {
        caller = tracing.caller(asked);
        if answer.is_success() {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = answer;
        Err(refusal)
    };
    let (client, server) =
        tokio::join!(client_async(request, client), accept_hdr_async(server, accept));
    (client.map(|(socket, _)| socket), server, caller)
}

fn context() -> Context {
    Context::new().with_trace_context(received())
}

#[tokio::test]
async fn a_connection_is_one_trace_from_the_client_to_the_server() {
    let spans = CheckedSpans::for_service("runner");
    let tracing_there = tracing(&spans.service("broker"));
    let mut request = ADDRESS.into_client_request().unwrap();
    request.headers_mut().insert("baggage", "stale=1".parse().unwrap());
    let dialing = async { tracing(&spans).dial(&mut request) }.in_context(context()).await;
    assert_continues(request.headers(), dialing.context().parent().unwrap());
    assert!(!request.headers()["baggage"].to_str().unwrap().contains("stale"));

    let (client, server, caller) = shake_hands(&tracing_there, request, StatusCode::OK).await;
    let mut client = dialing.connected(client.unwrap());
    let mut server = TracedWebSocket::accepted(server.unwrap(), tracing_there, &caller);
    client.send_traced(&event()).await.unwrap();
    let incoming = server.next().await.unwrap().unwrap();
    incoming.in_span(async |_: Event| ()).await.unwrap();
    drop((client, server));
    insta::assert_snapshot!(spans.tree(), @r"
    runner  connection  CLIENT  (parent missing)
    broker    connection  INTERNAL

    runner  send events  PRODUCER
    broker    process events  CONSUMER
    ");
}

#[tokio::test]
async fn a_refused_handshake_ends_the_connection_with_the_status() {
    let spans = CheckedSpans::new();
    let mut request = ADDRESS.into_client_request().unwrap();
    let dialing = tracing(&spans).dial(&mut request);
    let (client, server, _) = shake_hands(&tracing(&spans), request, StatusCode::FORBIDDEN).await;
    let Err(Error::Http(response)) = client else { panic!("it is refused") };
    assert!(server.is_err());
    dialing.refused(response.status());
    let span = spans.only();
    assert!(span.is_error());
    assert_eq!(span.attribute("error.type"), Some("403"));
}

#[tokio::test]
async fn a_handshake_that_fails_or_is_given_up_ends_the_connection() {
    let spans = CheckedSpans::new();
    let mut request = ADDRESS.into_client_request().unwrap();
    let dialing = tracing(&spans).dial(&mut request);
    let (client, server) = duplex(PIPE_BYTES);
    drop(server);
    client_async(request, client).await.unwrap_err();
    dialing.failed("io");
    drop(tracing(&spans).dial(&mut ADDRESS.into_client_request().unwrap()));
    let ends = spans.finished();
    let ends: Vec<_> = ends.iter().map(|span| span.attribute("error.type")).collect();
    assert_eq!(ends, [Some("io"), Some("cancelled")]);
}

#[tokio::test]
async fn tr_3_a_server_that_is_no_target_is_told_nothing() {
    let spans = CheckedSpans::new();
    let targets = Targets::none().allow("wss://example.org").unwrap();
    let tracing = tracing(&spans).targets(targets);
    for (address, told) in [
        (ADDRESS, false),
        ("wss://user:secret@example.org/", false),
        ("wss://example.org/events", true),
    ] {
        let mut request = address.into_client_request().unwrap();
        request.headers_mut().insert("traceparent", PARENT.parse().unwrap());
        let dialing = async { tracing.dial(&mut request) }.in_context(context()).await;
        if told {
            assert_continues(request.headers(), dialing.context().parent().unwrap());
        } else {
            assert_no_trace(request.headers());
        }
    }
}

#[tokio::test]
async fn without_spans_the_current_context_is_told() {
    let spans = CheckedSpans::new();
    let mut request = ADDRESS.into_client_request().unwrap();
    let tracing = tracing(&spans).propagate_only();
    drop(async { tracing.dial(&mut request) }.in_context(context()).await);
    let told = Propagator::default().extract(request.headers()).context;
    assert_eq!(told.parent(), received().parent());
    assert_eq!(spans.finished(), []);
}

#[tokio::test]
async fn where_telemetry_is_suppressed_nobody_is_told_anything() {
    let spans = CheckedSpans::new();
    let quiet = || context().with_telemetry_suppressed();
    let mut request = ADDRESS.into_client_request().unwrap();
    let dialing = async { tracing(&spans).dial(&mut request) }.in_context(quiet()).await;
    assert_no_trace(request.headers());
    let (client, mut server) = sockets().await;
    let mut client = dialing.connected(client);
    client.send_context::<Frame>().in_context(quiet()).await.unwrap();
    client.send(Frame::text("first")).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::text("first"));
    drop(client);
    assert_eq!(spans.finished(), []);
}

#[tokio::test]
async fn a_client_without_headers_says_it_in_the_address() {
    let spans = CheckedSpans::for_service("broker");
    let mut query = QueryParameters::default();
    Propagator::default().inject(&received(), &mut query);
    let address = query.append_to(&ADDRESS.parse().unwrap());
    let request = (&address).into_client_request().unwrap();
    let (_, server, caller) = shake_hands(&tracing(&spans), request, StatusCode::OK).await;
    assert_eq!(caller.context.parent(), received().parent());
    assert_eq!(caller.context.trace_state(), received().trace_state());
    assert_eq!(caller.context.baggage(), received().baggage());
    drop(TracedWebSocket::accepted(server.unwrap(), tracing(&spans), &caller));
    assert_eq!(spans.only().parent_span_id.as_deref(), Some(&PARENT[36..52]));
}

#[tokio::test]
async fn headers_say_more_than_the_address_and_bad_ones_less() {
    let other = PARENT.replace("b7ad", "b7ae");
    let tracing = SocketTracing::new(Envelope::json());
    let asked = |header: &str, query: &str| {
        let request = Request::builder().uri(format!("/?traceparent={query}"));
        let found = tracing.caller(&request.header("traceparent", header).body(()).unwrap());
        found.context.parent().map(ToString::to_string)
    };
    assert_eq!(asked(&other, PARENT), Some(other.clone()));
    assert_eq!(asked("nonsense", PARENT).as_deref(), Some(PARENT));
    assert_eq!(asked("nonsense", "nonsense"), None);
    let refused = Request::builder().uri("/").header("traceparent", "nonsense");
    assert_eq!(tracing.caller(&refused.body(()).unwrap()).refused.len(), 1);
}

#[tokio::test]
async fn a_query_takes_nothing_from_what_the_headers_say() {
    let tracing = SocketTracing::new(Envelope::json());
    let asked = |uri: &str| {
        let request = Request::builder().uri(uri).header("baggage", "tenant=7");
        let caller = tracing.caller(&request.header("traceparent", "nonsense").body(()).unwrap());
        let refused = caller.refused.iter().map(|error| error.rule().id()).collect::<Vec<_>>();
        let baggage = caller.context.baggage().as_str().to_owned();
        (caller.context.parent().copied(), baggage, refused.join(" "))
    };
    let of_headers = |refused: &str| (None, "tenant=7".to_owned(), refused.to_owned());
    assert_eq!(asked("/ws"), of_headers("TP-3"));
    assert_eq!(asked("/ws?room=7"), of_headers("TP-3"));
    assert_eq!(asked("/ws?baggage=tenant%3D8"), of_headers("TP-3"));
    assert_eq!(asked("/ws?tracestate=a%3D1"), of_headers("TP-3 TS-1"));
    let named = format!("/ws?traceparent={PARENT}&baggage=tenant%3D8,b");
    let of_query = (received().parent().copied(), "tenant=8".to_owned(), "TP-3 BG-9".to_owned());
    assert_eq!(asked(&named), of_query);

    let request = Request::builder().uri("/ws?baggage=tenant%3D8").body(()).unwrap();
    assert_eq!(tracing.caller(&request).context.baggage().as_str(), "tenant=8");
    let hostile = Request::builder().uri("/ws?traceparent=").header("baggage", "a,".repeat(99));
    assert_eq!(tracing.caller(&hostile.body(()).unwrap()).refused.len(), REFUSALS);
}

#[tokio::test]
async fn what_a_layer_has_counted_of_the_headers_is_not_reported_again() {
    for layer in [ServerLayer::propagate_only(), ServerLayer::new()] {
        let service = layer.layer(service_fn(async |request: Request<()>| {
            let caller = SocketTracing::new(Envelope::json()).caller(&request);
            let refused = Full::<Bytes>::from(format!("{:?}", caller.refused));
            Ok::<_, Infallible>(http::Response::new(refused))
        }));
        let asked = async |uri: &str| {
            let request = Request::builder().uri(uri).header("traceparent", "nonsense");
            let answer = service.clone().oneshot(request.body(()).unwrap()).await.unwrap();
            String::from_utf8(answer.collect().await.unwrap().to_bytes().into()).unwrap()
        };
        assert_eq!(asked("/ws").await, "[]");
        let of_query = asked("/ws?tracestate=a").await;
        assert!(of_query.contains("Ts1") && !of_query.contains("Tp"), "{of_query}");
    }
}

#[tokio::test]
async fn what_is_refused_of_a_handshake_is_counted() {
    let measured = Measured::new();
    let messaging = Messaging::new("websocket").meter_provider(measured.provider());
    let tracing = SocketTracing::new(Envelope::json()).messaging(messaging.propagate_only());
    let request = ADDRESS.replace("room=7", "traceparent=nonsense").into_client_request().unwrap();
    let (client, server, caller) = shake_hands(&tracing, request, StatusCode::OK).await;
    let mut server = TracedWebSocket::accepted(server.unwrap(), tracing, &caller);
    insta::assert_snapshot!(
        measured.lines(),
        @"throughline.propagation.refused 1 {field} format=traceparent rule=TP-3"
    );
    let text = format!(r#"{{"_trace":{{"traceparent":"{PARENT}","baggage":"a"}}}}"#);
    client.unwrap().send(Frame::text(text)).await.unwrap();
    let (_, message) = server.receive_context::<Frame, _>().await.unwrap().unwrap();
    assert!(message.is_none());
    insta::assert_snapshot!(measured.lines(), @r"
    throughline.propagation.refused 1 {field} format=baggage rule=BG-9
    throughline.propagation.refused 1 {field} format=traceparent rule=TP-3
    ");
}

#[tokio::test]
async fn below_a_span_of_this_process_the_caller_is_linked() {
    let spans = CheckedSpans::new();
    let caller = Propagator::default().extract(&[("traceparent", PARENT)][..]);
    let own = PARENT.replace("0af7", "0af8");
    let own = Propagator::default().extract(&[("traceparent", own)][..]).context;
    for (current, links) in [(own, 1), (received(), 0)] {
        let (client, _server) = sockets().await;
        let cx = Context::new().with_trace_context(current.clone());
        let accept = async { TracedWebSocket::accepted(client, tracing(&spans), &caller) };
        drop(accept.in_context(cx).await);
        let span = spans.only();
        assert_eq!(span.trace_id, current.parent().unwrap().trace_id().to_string());
        assert_eq!(span.links.len(), links);
        spans.clear();
    }
}

#[tokio::test]
async fn a_first_message_says_it_too_and_other_messages_are_not_lost() {
    let spans = CheckedSpans::for_service("broker");
    let (client, server) = sockets().await;
    let mut client =
        TracedWebSocket::new(client, SocketTracing::from(Envelope::json()).propagate_only());
    let mut server = TracedWebSocket::new(server, tracing(&spans));
    client.send_context().await.unwrap();
    client.send_context().in_context(context()).await.unwrap();
    let (caller, message) = server.receive_context().await.unwrap().unwrap();
    assert_eq!(caller.context.parent(), received().parent(), "without a context, none was sent");
    assert!(message.is_none());

    // A client that knows nothing of it begins with an event.
    client.send_traced(&event()).in_context(context()).await.unwrap();
    client.send(Frame::text("{}")).await.unwrap();
    client.send(Frame::Ping("".into())).await.unwrap();
    let (_, message) = server.receive_context().await.unwrap().unwrap();
    assert_eq!(message.unwrap().decode::<Event>().unwrap().unwrap(), event());
    for frame in [Frame::text("{}"), Frame::Ping("".into())] {
        let (caller, message) = server.receive_context().await.unwrap().unwrap();
        assert_eq!((caller.context, message.unwrap().message), (TraceContext::new(), frame));
    }
    drop(client);
    assert!(server.receive_context().await.unwrap().is_err());
    assert!(server.receive_context().await.is_none());
    let linked: Vec<_> = spans.only().links.iter().map(|link| link.span_id.clone()).collect();
    assert_eq!(linked, [&PARENT[36..52], &PARENT[36..52]]);
    assert!(links(&spans).is_empty(), "the caller is another process");
}
