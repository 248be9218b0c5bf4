//! The HTTP layers in real servers and clients, over loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::ws::WebSocketUpgrade;
use ::axum::extract::{MatchedPath, State};
use ::axum::response::AppendHeaders;
use ::axum::routing::{any, get};
use ::http::{HeaderMap, HeaderValue, Request, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::global;
use throughline::context::TraceContext;
use throughline::http::{ClientLayer, ClientService, ServerLayer};
use throughline_testkit::{InMemorySpans, SpanRecord, Traces};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt};

use super::checked_spans::CheckedSpans;

#[cfg(feature = "axum")]
mod axum;
mod bodies;
mod events;
mod lifecycle;

/// Long enough for any machine; a test that waits so long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) type PlainClient = Client<HttpConnector, Empty<Bytes>>;

pub(super) fn server_layer(spans: &InMemorySpans) -> ServerLayer {
    ServerLayer::new()
        .tracer_provider(spans.provider())
        .route(|request| request.extensions().get().map(MatchedPath::as_str))
}

pub(super) fn plain_client() -> PlainClient {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(super) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { ::axum::serve(listener, app).await });
    address
}

pub(super) fn request(method: &str, address: SocketAddr, path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://{address}{path}");
    Request::builder().method(method).uri(uri).body(Empty::new()).unwrap()
}

/// The spans, as soon as there are that many.
pub(super) async fn finished(spans: &InMemorySpans, count: usize) -> Vec<SpanRecord> {
    spans.wait_for(|spans| spans.len() >= count, PATIENCE).await.unwrap()
}

/// The only span, which has to be one of a success.
async fn success(spans: &InMemorySpans) -> SpanRecord {
    let span = finished(spans, 1).await.remove(0);
    assert_eq!((span.is_error(), span.attribute("error.type")), (false, None));
    span
}

/// A body that sends what the channel holds, and whose length nobody knows.
fn streamed(frames: mpsc::Receiver<Frame<Bytes>>) -> Body {
    Body::new(StreamBody::new(stream::unfold(frames, async |mut frames| {
        let frame = frames.recv().await?;
        Some((Ok::<_, Infallible>(frame), frames))
    })))
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn one_trace_goes_through_server_client_and_server() {
    #[derive(Clone)]
    struct Front {
        client: ClientService<PlainClient>,
        back: SocketAddr,
    }
    async fn forward(State(front): State<Front>) -> StatusCode {
        let response =
            front.client.oneshot(request("POST", front.back, "/items/7?key=secret")).await;
        response.unwrap().status()
    }

    let spans = CheckedSpans::for_service("back");
    let back =
        Router::new().route("/items/{id}", any(|| async { "stored" })).layer(server_layer(&spans));
    let front_spans = spans.service("front");
    let client = ClientLayer::new().tracer_provider(front_spans.provider()).layer(plain_client());
    let front = Router::new()
        .route("/orders", get(forward))
        .layer(server_layer(&front_spans))
        .with_state(Front { client, back: serve(back).await });

    let mut sent = request("GET", serve(front).await, "/orders");
    sent.headers_mut().insert(
        "sentry-trace",
        HeaderValue::from_static("0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"),
    );
    let response = plain_client().request(sent).await.unwrap();
    assert_eq!(response.status(), 200);
    let recorded = finished(&spans, 3).await;
    let traces = Traces::group(&recorded);
    let trace = traces.get("0af7651916cd43dd8448eb211c80319c").unwrap();
    assert_eq!(trace.orphans()[0].parent_span_id.as_deref(), Some("b7ad6b7169203331"));
    insta::assert_snapshot!(spans.tree(), @r"
    front  GET /orders  SERVER  (parent missing)
    front    POST  CLIENT
    back       POST /items/{id}  SERVER
    ");
}

#[tokio::test]
async fn the_length_of_a_body_survives_and_a_head_request_is_a_success() {
    for method in ["GET", "HEAD"] {
        let spans = CheckedSpans::new();
        let app =
            Router::new().route("/", get(|| async { "eight by" })).layer(server_layer(&spans));
        let response =
            plain_client().request(request(method, serve(app).await, "/")).await.unwrap();
        assert_eq!(response.headers()["content-length"], "8", "{method}");
        response.into_body().collect().await.unwrap();
        assert_eq!(success(&spans).await.name, format!("{method} /"));
    }
}

#[tokio::test]
async fn a_streamed_body_of_announced_length_is_a_success() {
    let spans = CheckedSpans::new();
    let (frames, received) = mpsc::channel(2);
    let address = serve(streaming_app(&spans, &[("content-length", "8")], received)).await;
    frames.send(data("four")).await.unwrap();
    frames.send(data("more")).await.unwrap();
    let response = plain_client().request(request("GET", address, "/stream")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "fourmore");
    // The channel is still open: hyper drops the body at the announced length.
    success(&spans).await;
    drop(frames);
}

/// An app that has one response to give, with these headers and the channel's frames.
fn streaming_app(
    spans: &InMemorySpans,
    headers: &'static [(&'static str, &'static str)],
    frames: mpsc::Receiver<Frame<Bytes>>,
) -> Router {
    let frames = Arc::new(Mutex::new(Some(frames)));
    let respond = move || {
        let frames = frames.lock().unwrap().take().unwrap();
        async move { (AppendHeaders(headers.iter().copied()), streamed(frames)) }
    };
    Router::new().route("/stream", get(respond)).layer(server_layer(spans))
}

#[tokio::test]
async fn a_span_lasts_as_long_as_its_stream_and_trailers_pass() {
    let spans = CheckedSpans::new();
    let (frames, received) = mpsc::channel(1);
    let address = serve(streaming_app(&spans, &[], received)).await;
    let client: PlainClient = Client::builder(TokioExecutor::new()).http2_only(true).build_http();

    let mut body = client.request(request("GET", address, "/stream")).await.unwrap().into_body();
    frames.send(data("first")).await.unwrap();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    assert!(spans.finished().is_empty(), "the stream goes on");

    let trailers = HeaderMap::from_iter([(
        ::http::HeaderName::from_static("x-checksum"),
        HeaderValue::from_static("7"),
    )]);
    frames.send(Frame::trailers(trailers)).await.unwrap();
    drop(frames);
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["x-checksum"], "7");
    let span = success(&spans).await;
    assert_eq!(span.attribute("network.protocol.version"), Some("2"));
}

#[tokio::test]
async fn a_client_that_goes_away_in_mid_body_cancels() {
    let spans = CheckedSpans::new();
    let (frames, received) = mpsc::channel(1);
    let address = serve(streaming_app(&spans, &[], received)).await;
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    frames.send(data("first")).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"first\r\n") {
        assert_ne!(connection.read_buf(&mut answer).await.unwrap(), 0);
    }
    assert!(spans.finished().is_empty());
    drop(connection);

    let span = finished(&spans, 1).await.remove(0);
    assert!(span.is_error());
    assert_eq!(span.attribute("error.type"), Some("cancelled"));
    assert_eq!(span.attribute("http.response.status_code"), Some("200"));
    assert!(frames.is_closed(), "the body is gone");
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_headers_cancels() {
    let spans = CheckedSpans::new();
    let (started, mut starts) = mpsc::channel(1);
    let app = Router::new()
        .route(
            "/",
            get(move || async move {
                started.send(()).await.unwrap();
                std::future::pending::<()>().await;
            }),
        )
        .layer(server_layer(&spans));
    let mut connection = TcpStream::connect(serve(app).await).await.unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    starts.recv().await.unwrap();
    drop(connection);
    let span = finished(&spans, 1).await.remove(0);
    assert_eq!(span.attribute("error.type"), Some("cancelled"));
    assert_eq!(span.attribute("http.response.status_code"), None);
}

#[tokio::test]
async fn an_upgrade_ends_at_the_handshake() {
    let spans = CheckedSpans::new();
    let app = Router::new()
        .route(
            "/socket",
            any(|upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(async |mut socket| while socket.recv().await.is_some() {})
            }),
        )
        .layer(server_layer(&spans));
    let url = format!("ws://{}/socket", serve(app).await);
    let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let span = success(&spans).await;
    assert_eq!(span.name, "GET /socket");
    assert_eq!(span.attribute("http.response.status_code"), Some("101"));
    drop(socket);
}

#[tokio::test]
async fn no_bytes_in_a_trace_header_fail_a_request() {
    let spans = CheckedSpans::new();
    let app = Router::new()
        .route("/", get(|| async { TraceContext::current().parent().is_some().to_string() }))
        .layer(server_layer(&spans));
    let address = serve(app).await;
    for value in [&b""[..], b"\xff\xfe", b"00-0-0-00", b"%ZZ=%,=", &b"x".repeat(7000)] {
        let mut sent = request("GET", address, "/");
        for name in ["traceparent", "tracestate", "sentry-trace", "baggage"] {
            sent.headers_mut().append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let response = plain_client().request(sent).await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "true", "a new trace has started");
    }
    assert!(finished(&spans, 5).await.iter().all(|span| span.parent_span_id.is_none()));
}

#[tokio::test]
async fn a_path_that_no_route_matches_is_not_a_name() {
    let spans = CheckedSpans::new();
    let users = Router::new().route("/{id}", get(|| async { "found" }));
    let app = Router::new()
        .nest("/users", users)
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(server_layer(&spans));
    let address = serve(app).await;
    for (method, path) in [("GET", "/users/7"), ("POST", "/users/7"), ("GET", "/secret/7")] {
        let response = plain_client().request(request(method, address, path)).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let spans = finished(&spans, 3).await;
    let seen: Vec<_> = spans
        .iter()
        .map(|span| (span.name.as_str(), span.attribute("http.response.status_code").unwrap()))
        .collect();
    assert_eq!(seen, [("GET /users/{id}", "200"), ("POST /users/{id}", "405"), ("GET", "404")]);
    assert!(spans.iter().all(|span| !span.is_error()));
}

#[tokio::test]
async fn a_global_provider_may_be_installed_after_the_layer_was_made() {
    // Other tests of this binary may use the global provider too: only this trace counts.
    const TRACE: &str = "5a11ab1e5a11ab1e5a11ab1e5a11ab1e";
    let app = Router::new().route("/", get(|| async {})).layer(ServerLayer::new());
    let spans = CheckedSpans::new();
    global::set_tracer_provider(spans.provider());
    let sent = Request::builder()
        .uri("/")
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
        .body(Body::empty())
        .unwrap();
    app.oneshot(sent).await.unwrap();
    let ours = spans.finished().into_iter().filter(|span| span.trace_id == TRACE).count();
    assert_eq!(ours, 1);
}
