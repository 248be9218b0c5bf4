//! Upgrades of axum over loopback.

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use opentelemetry::trace::{Tracer, TracerProvider};
use serde_json::Value;
use throughline::messaging::Messaging;
use throughline::websocket::{Envelope, SocketTracing, TracedWebSocket, WebSocketUpgradeExt};
use throughline_testkit::InMemorySpans;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::connect_async;

use super::{event, tracing};
use crate::checked_spans::CheckedSpans;
use crate::http::{finished, serve, server_layer};
use crate::messaging::measured::Measured;

/// Works on all events in spans.
fn events(tracing: SocketTracing) -> Router {
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade_traced(tracing, async |mut socket| {
            while let Some(Ok(incoming)) = socket.next().await {
                incoming.in_span(async |_: Value| ()).await.unwrap();
            }
        })
    };
    Router::new().route("/events", any(upgrade))
}

#[cfg(feature = "websocket-connect")]
#[tokio::test]
async fn a_client_its_handshake_and_its_events_are_seen_on_both_sides() {
    use throughline::websocket::connect_traced;

    let spans = CheckedSpans::for_service("runner");
    let there = spans.service("broker");
    let address = serve(events(tracing(&there)).layer(server_layer(&there))).await;
    let url = format!("ws://{address}/events");
    let (mut socket, response) = connect_traced(url, tracing(&spans)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    socket.send_traced(&event()).await.unwrap();
    socket.close().await.unwrap();
    while socket.next().await.is_some() {}
    finished(&spans, 5).await;
    insta::assert_snapshot!(spans.tree(), @r"
    runner  connection  CLIENT
    broker    GET /events  SERVER
    broker      connection  INTERNAL

    runner  send events  PRODUCER
    broker    process events  CONSUMER
    ");
}

#[tokio::test]
async fn a_span_around_the_handshake_does_not_wait_for_the_connection() {
    let spans = CheckedSpans::for_service("broker");
    let (events, tracer) = (tracing(&spans), spans.provider().tracer("test"));
    let receive = async |mut socket: TracedWebSocket<WebSocket>| {
        while let Some(Ok(_)) = socket.next().await {}
    };
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        tracer.in_span("handshake", |_| upgrade.on_upgrade_traced(events, receive))
    };
    let address = serve(Router::new().route("/", any(upgrade))).await;
    let (client, _) = connect_async(format!("ws://{address}/")).await.unwrap();
    assert_eq!(finished(&spans, 1).await[0].name, "handshake");
    drop(client);
    finished(&spans, 2).await;
    insta::assert_snapshot!(spans.tree(), @r"
    broker  handshake  INTERNAL
    broker    connection  INTERNAL  ERROR
    ");
}

#[cfg(feature = "websocket-connect")]
#[tokio::test]
async fn a_server_that_refuses_or_is_not_there_leaves_no_connection() {
    use throughline::websocket::connect_traced;

    let (spans, measured) = (CheckedSpans::new(), Measured::new());
    let tracing = measured_tracing(&spans, &measured);
    let address = serve(events(tracing.clone())).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, error_type) in [
        (format!("ws://{address}/nowhere"), "404"),
        (format!("ws://{gone}/"), "tungstenite::error::Error"),
    ] {
        connect_traced(url, tracing.clone()).await.unwrap_err();
        let span = spans.finished().pop().unwrap();
        assert_eq!(span.attribute("error.type"), Some(error_type));
    }
    connect_traced("no address", tracing).await.unwrap_err();
    assert_eq!(spans.finished().len(), 2);
    assert_eq!(measured.lines(), "websocket.connection.count 0 {connection}");
}

fn measured_tracing(spans: &InMemorySpans, measured: &Measured) -> SocketTracing {
    let messaging = Messaging::new("websocket").tracer_provider(spans.provider());
    SocketTracing::new(Envelope::json()).messaging(messaging.meter_provider(measured.provider()))
}

#[tokio::test]
async fn an_upgrade_that_fails_opens_no_connection() {
    let (spans, measured) = (CheckedSpans::new(), Measured::new());
    let tracing = measured_tracing(&spans, &measured);
    let (tell, mut failed) = mpsc::channel(1);
    let upgrade = move |upgrade: WebSocketUpgrade| async move {
        let upgrade = upgrade.on_failed_upgrade(move |_| tell.try_send(()).unwrap());
        upgrade.on_upgrade_traced(tracing, async |_| panic!("there is no connection"))
    };
    let app = Router::new().route("/", any(upgrade)).layer(server_layer(&spans));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // A server that answers an upgrade, and hands no connection over.
    let serving = async {
        let stream = TokioIo::new(listener.accept().await.unwrap().0);
        let app = TowerToHyperService::new(app);
        http1::Builder::new().serve_connection(stream, app).await
    };
    let (client, _) = tokio::join!(connect_async(format!("ws://{address}/")), serving);
    assert!(client.unwrap().0.next().await.unwrap().is_err());
    failed.recv().await.unwrap();
    assert_eq!(spans.only().attribute("http.response.status_code"), Some("101"));
    assert_eq!(measured.lines(), "", "none was ever open");
}

#[tokio::test]
async fn an_upgrade_that_somebody_else_refuses_leaves_no_connection_open() {
    let (spans, measured) = (CheckedSpans::new(), Measured::new());
    let refuse = async |_: Response| StatusCode::TOO_MANY_REQUESTS;
    let app = events(measured_tracing(&spans, &measured)).layer(map_response(refuse));
    let address = serve(app).await;
    connect_async(format!("ws://{address}/events")).await.unwrap_err();
    // hyper hands over what is left of the connection when the client has gone.
    let span = finished(&spans, 1).await.remove(0);
    assert_eq!((span.name.as_str(), span.is_error()), ("connection", true));
    assert_eq!(measured.lines(), "websocket.connection.count 0 {connection}");
}

#[tokio::test]
async fn a_client_that_is_gone_at_the_upgrade_ends_what_it_began() {
    let spans = CheckedSpans::new();
    let address = serve(events(tracing(&spans))).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = "GET /events HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'H');
    drop(client);
    let span = finished(&spans, 1).await.remove(0);
    assert_eq!((span.name.as_str(), span.is_error()), ("connection", true));
}

#[cfg(feature = "websocket-connect")]
#[tokio::test]
async fn a_client_and_axum_agree_on_frames_by_themselves() {
    use throughline::websocket::connect_traced;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    let spans = CheckedSpans::for_service("runner");
    let there = tracing(&spans.service("broker"));
    let echo = move |upgrade: WebSocketUpgrade| async move {
        let upgrade = upgrade.protocols(["chat+throughline.v1", "chat"]);
        upgrade.on_upgrade_traced(there, async |mut socket| {
            while let Some(Ok(incoming)) = socket.next().await {
                let is_framed = incoming.context().parent().is_some();
                let payload = incoming.message.into_data();
                assert_eq!(is_framed, payload[..] == *b"framed");
                socket.send_binary_traced(&payload).await.unwrap();
            }
        })
    };
    let address = serve(Router::new().route("/chat", any(echo))).await;
    for (offered, payload) in [("chat+throughline.v1, chat", b"framed"), ("chat", b"simple")] {
        let mut request = format!("ws://{address}/chat").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", offered.parse().unwrap());
        let (mut socket, _) = connect_traced(request, tracing(&spans)).await.unwrap();
        socket.send_binary_traced(payload).await.unwrap();
        let incoming = socket.next().await.unwrap().unwrap();
        assert_eq!(incoming.message, Message::binary(&payload[..]));
        assert_eq!(incoming.context().parent().is_some(), payload == b"framed");
        socket.close().await.unwrap();
        while socket.next().await.is_some() {}
    }
    finished(&spans, 8).await;
}
