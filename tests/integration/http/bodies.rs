//! Bodies and endings on real hyper, on both ends.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use ::axum::Router;
use ::axum::response::sse::{Event, Sse};
use ::axum::routing::get;
use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::{Layer, service_fn};
use tower_http::compression::CompressionLayer;

use super::super::checked_spans::CheckedSpans;
use super::{finished, plain_client, request, serve, server_layer, success};

#[tokio::test]
async fn a_body_that_is_compressed_outside_of_the_layer_is_a_success() {
    let spans = CheckedSpans::new();
    let app = Router::new()
        .route("/", get(|| async { "eight by".repeat(100) }))
        .layer(server_layer(&spans))
        .layer(CompressionLayer::new());
    let mut sent = request("GET", serve(app).await, "/");
    sent.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let response = plain_client().request(sent).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    response.into_body().collect().await.unwrap();
    success(&spans).await;
}

#[tokio::test]
async fn statuses_without_a_body_are_successes() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let spans = CheckedSpans::new();
        let app = Router::new()
            .route("/", get(move || async move { (status, "thrown away") }))
            .layer(server_layer(&spans));
        let response = plain_client().request(request("GET", serve(app).await, "/")).await.unwrap();
        assert_eq!(response.status(), status);
        response.into_body().collect().await.unwrap();
        let span = success(&spans).await;
        assert_eq!(span.attribute("http.response.status_code"), Some(status.as_str()));
    }
}

#[tokio::test]
async fn a_reader_of_server_sent_events_that_goes_away_cancels() {
    let spans = CheckedSpans::new();
    let events = || async {
        let first = stream::iter([Ok::<_, Infallible>(Event::default().data("first"))]);
        Sse::new(first.chain(stream::pending()))
    };
    let app = Router::new().route("/events", get(events)).layer(server_layer(&spans));
    // A client of its own for the connection: it goes with the body.
    let stream = TcpStream::connect(serve(app).await).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let sent = Request::get("/events").header("host", "x").body(Empty::<Bytes>::new()).unwrap();
    let mut body = client.send_request(sent).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "data: first\n\n");
    assert!(spans.finished().is_empty(), "the stream goes on");
    drop((body, client));
    connection.abort();
    let span = finished(&spans, 1).await.remove(0);
    assert_eq!(span.attribute("error.type"), Some("cancelled"));
}

#[tokio::test]
async fn an_extended_connect_over_http_2_ends_at_the_upgrade() {
    let spans = CheckedSpans::new();
    let (go, goes) = oneshot::channel::<()>();
    let goes = Arc::new(Mutex::new(Some(goes)));
    let service = server_layer(&spans).layer(service_fn(move |mut request: Request<Incoming>| {
        assert_eq!(request.extensions().get::<Protocol>().unwrap().as_str(), "websocket");
        let goes = goes.lock().unwrap().take().unwrap();
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut stream = TokioIo::new(upgrade.await.unwrap());
            goes.await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"tunnel").await.unwrap();
        });
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = auto::Builder::new(TokioExecutor::new());
        server.http2().enable_connect_protocol();
        let service = TowerToHyperService::new(service);
        let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
    });

    let stream = TcpStream::connect(address).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap();
    let sent = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{address}/socket"))
        .extension(Protocol::from_static("websocket"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = client.send_request(sent).await.unwrap();
    assert_eq!(response.status(), 200);
    let span = success(&spans).await;
    assert_eq!(span.attribute("http.request.method"), Some("CONNECT"));
    // The tunnel works on after the span has ended.
    go.send(()).unwrap();
    let mut tunnel = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut bytes = [0; 6];
    tunnel.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"tunnel");
}
