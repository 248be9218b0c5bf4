//! hyper on both ends, by HTTP/1.1 and HTTP/2.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{Empty, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use throughline::http::{ClientService, SpanEnd};
use throughline_testkit::SpanRecord;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt};

use super::*;

type Http = ClientService<Client<HttpConnector, Empty<Bytes>>>;

fn client(spans: &InMemorySpans, http2: bool, end: SpanEnd) -> Http {
    let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
    client_layer(spans).span_end(end).layer(client)
}

async fn client_span(spans: &InMemorySpans) -> SpanRecord {
    let is_client = |span: &SpanRecord| span.kind == throughline_testkit::Kind::Client;
    let spans = spans.wait_for(|spans| spans.iter().any(is_client), PATIENCE).await.unwrap();
    spans.into_iter().find(is_client).unwrap()
}

/// A server with one response to give, whose frames come from the channel.
async fn streaming(frames: mpsc::Receiver<Bytes>) -> SocketAddr {
    let frames = Arc::new(Mutex::new(Some(frames)));
    let respond = move || {
        let frames = frames.lock().unwrap().take().unwrap();
        let frames = stream::unfold(frames, async |mut frames| {
            let data = frames.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(data)), frames))
        });
        async { Body::new(StreamBody::new(frames)) }
    };
    let app = Router::new().route("/", any(respond));
    serve(app).await
}

#[tokio::test]
async fn the_clients_span_is_the_parent_of_the_servers() {
    for (http2, version) in [(false, "1.1"), (true, "2")] {
        let spans = CheckedSpans::for_service("front");
        let app = Router::new().route("/stock/{item}", any(|| async { "stored" }));
        let back = serve(app.layer(server_layer(&spans.service("back")))).await;
        let client = client(&spans, http2, SpanEnd::Headers);
        let response = client.oneshot(request("GET", back, "/stock/7")).await.unwrap();
        assert_eq!(text(response.into_body()).await, "stored");
        let both = finished(&spans, 2).await;
        let server = both.iter().find(|span| span.service == "back").unwrap();
        assert_eq!(server.attribute("network.protocol.version"), Some(version));
        let tree = "front  GET  CLIENT\nback     GET /stock/{item}  SERVER";
        assert_eq!(spans.tree(), tree, "{version}");
    }
}

#[tokio::test]
async fn a_slow_body_is_part_of_the_span_only_where_it_was_asked_for() {
    for http2 in [false, true] {
        for end in [SpanEnd::Headers, SpanEnd::BodyEnd] {
            let spans = CheckedSpans::new();
            let (frames, received) = mpsc::channel(1);
            let address = streaming(received).await;
            let client = client(&spans, http2, end);
            let response = client.oneshot(request("GET", address, "/")).await.unwrap();
            let mut body = response.into_body();
            frames.send(Bytes::from_static(b"first")).await.unwrap();
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
            let ended = spans.finished().len();
            assert_eq!(ended, usize::from(end == SpanEnd::Headers), "{end:?}");
            drop(frames);
            assert_eq!(text(body).await, "");
            let span = finished(&spans, 1).await.remove(0);
            assert_eq!((span.is_error(), spans.finished().len()), (false, 1), "{end:?}");
        }
    }
}

#[tokio::test]
async fn a_body_that_its_caller_drops_ends_the_span_without_an_error() {
    let spans = CheckedSpans::new();
    let (frames, received) = mpsc::channel(1);
    let address = streaming(received).await;
    let client = client(&spans, false, SpanEnd::BodyEnd);
    let response = client.oneshot(request("GET", address, "/")).await.unwrap();
    assert!(spans.finished().is_empty());
    drop(response);
    assert!(!finished(&spans, 1).await[0].is_error());
    // The connection is closed, and the server learns of it.
    frames.closed().await;
}

#[tokio::test]
async fn a_caller_that_does_not_wait_for_headers_makes_no_error() {
    let spans = CheckedSpans::new();
    let (started, mut starts) = mpsc::channel(1);
    let app = Router::new().route(
        "/",
        any(async move || {
            started.send(()).await.unwrap();
            std::future::pending::<()>().await;
        }),
    );
    let back = serve(app.layer(server_layer(&spans))).await;
    {
        let mut client = client(&spans, false, SpanEnd::Headers);
        let mut call = pin!(client.call(request("GET", back, "/")));
        tokio::select! {
            _ = &mut call => panic!("nothing answers"),
            _ = starts.recv() => (),
        }
    }
    let both = finished(&spans, 2).await;
    let of = |kind| both.iter().find(|span| span.kind == kind).unwrap();
    let client = of(throughline_testkit::Kind::Client);
    assert_eq!((client.is_error(), client.attribute("error.type")), (false, None));
    let server = of(throughline_testkit::Kind::Server);
    assert_eq!(server.attribute("error.type"), Some("cancelled"), "the server tells it");
}

/// Answers the next connection with these bytes and closes it.
async fn answers(bytes: &'static [u8]) -> SocketAddr {
    async fn answer(mut connection: TcpStream, bytes: &[u8]) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(connection.read_buf(&mut request).await.unwrap(), 0);
        }
        connection.write_all(bytes).await.unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { answer(listener.accept().await.unwrap().0, bytes).await });
    address
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_of_a_span_that_lasts_so_long() {
    for (end, error) in [(SpanEnd::BodyEnd, Some("hyper::error::Error")), (SpanEnd::Headers, None)]
    {
        let spans = CheckedSpans::new();
        let address = answers(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour").await;
        let client = client(&spans, false, end);
        let response = client.oneshot(request("GET", address, "/")).await.unwrap();
        assert!(response.into_body().collect().await.is_err());
        let span = finished(&spans, 1).await.remove(0);
        assert_eq!(span.attribute("error.type"), error, "{end:?}");
        assert_eq!((span.is_error(), spans.finished().len()), (error.is_some(), 1));
        assert_eq!(span.attribute("http.response.status_code"), Some("200"));
    }
}

#[tokio::test]
async fn a_connection_that_fails_names_the_type_of_its_error() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [closed, answers(b"").await, answers(b"no HTTP\r\n\r\n").await] {
        let spans = CheckedSpans::new();
        let client = client(&spans, false, SpanEnd::BodyEnd);
        assert!(client.oneshot(request("GET", address, "/")).await.is_err());
        let span = client_span(&spans).await;
        let error = Some("hyper_util::client::legacy::client::Error");
        assert_eq!((span.attribute("error.type"), span.is_error()), (error, true));
        assert_eq!(span.attribute("http.response.status_code"), None);
    }
}

#[tokio::test]
async fn responses_without_a_body_end_with_their_headers() {
    for (method, answer) in [
        ("HEAD", &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"[..]),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"),
    ] {
        let spans = CheckedSpans::new();
        let address = answers(answer).await;
        let client = client(&spans, false, SpanEnd::BodyEnd);
        let response = client.oneshot(request(method, address, "/")).await.unwrap();
        assert_eq!(spans.finished().len(), 1, "{method}");
        drop(response);
        assert!(!client_span(&spans).await.is_error());
    }
}
