//! Spans of web pages on their way to the collector.

use axum::body::Body;
use http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use http::{HeaderMap, Request, StatusCode};
use opentelemetry::metrics::MeterProvider;
use throughline::http::ServerLayer;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt;

use super::*;
use crate::limits::{MAX_PAGE_EXPORT_BYTES, MAX_PAGE_EXPORTS};
use crate::persistence::collector::Collector;

/// A collector in the test. It answers when it is let go, which it is at first.
struct Target {
    url: String,
    requests: mpsc::UnboundedReceiver<(HeaderMap, String)>,
    open: watch::Sender<bool>,
}

impl Target {
    async fn answering(status: StatusCode) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let (open, gate) = watch::channel(true);
        let routes = axum::Router::new().fallback(move |headers: HeaderMap, body: String| {
            sender.send((headers, body)).expect("a test");
            let mut gate = gate.clone();
            async move {
                gate.wait_for(|open| *open).await.expect("a test");
                (status, "what the collector says")
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let url = format!("http://{}/v1/traces", listener.local_addr().expect("address"));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, requests, open }
    }

    /// A request is here before it is answered.
    fn received(&mut self) -> Option<(HeaderMap, String)> {
        self.requests.try_recv().ok()
    }
}

async fn service(collector: Option<&str>) -> (Bed, axum::Router) {
    let mut bed = Bed::new().await;
    let tracer = BoxedTracer::new(Box::new(bed.spans.provider().tracer("persistence")));
    let instruments = Instruments::new(tracer, &SdkMeterProvider::default().meter("persistence"))
        .with_collector(collector.map(|url| Collector::new(url.parse().expect("address"))));
    let persistence = Persistence::open(&url(&bed.folder), instruments).await.expect("database");
    bed.persistence = Arc::new(persistence);
    let router =
        Arc::clone(&bed.persistence).router(Secret::new("s3cret"), ServerLayer::propagate_only());
    (bed, router)
}

async fn export(
    service: &axum::Router,
    origin: Option<&str>,
    body: String,
) -> (StatusCode, String) {
    let mut request = Request::post("/v1/traces")
        .header(HOST, "page.example")
        .header(COOKIE, "session=s3cret")
        .header(CONTENT_TYPE, "application/json");
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    let request = request.body(Body::from(body)).expect("request");
    let response = service.clone().oneshot(request).await.expect("answer");
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("body");
    (status, String::from_utf8(body.into()).expect("text"))
}

const OWN: Option<&str> = Some("http://page.example");

#[tokio::test]
async fn of_a_pages_request_only_the_body_goes_on() {
    let mut target = Target::answering(StatusCode::OK).await;
    let (bed, service) = service(Some(&target.url)).await;
    let answer = export(&service, OWN, "{}".into()).await;
    assert_eq!(answer, (StatusCode::NO_CONTENT, String::new()));
    let (headers, body) = target.received().expect("a request");
    assert_eq!(body, "{}");
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "host"]);
    assert!(bed.spans.finished().is_empty(), "an export makes no spans");
}

#[tokio::test]
async fn spans_of_other_origins_and_of_no_page_are_refused() {
    let mut target = Target::answering(StatusCode::OK).await;
    let (_bed, service) = service(Some(&target.url)).await;
    for origin in [None, Some("http://evil.example"), Some("null"), Some("http://page.example:1")] {
        let (status, _) = export(&service, origin, "{}".into()).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert!(target.received().is_none());
}

#[tokio::test]
async fn an_export_that_is_too_long_is_refused() {
    let mut target = Target::answering(StatusCode::OK).await;
    let (_bed, service) = service(Some(&target.url)).await;
    let longest = "x".repeat(MAX_PAGE_EXPORT_BYTES);
    assert_eq!(export(&service, OWN, longest.clone()).await.0, StatusCode::NO_CONTENT);
    assert!(target.received().is_some());
    assert_eq!(export(&service, OWN, longest + "x").await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(target.received().is_none());
}

#[tokio::test]
async fn what_the_collector_does_not_take_is_told_without_its_answer() {
    let target = Target::answering(StatusCode::UNAUTHORIZED).await;
    for url in [target.url.as_str(), "http://127.0.0.1:1/v1/traces", "https://127.0.0.1:1/"] {
        let (_bed, service) = service(Some(url)).await;
        let answer = export(&service, OWN, "{}".into()).await;
        assert_eq!(answer, (StatusCode::BAD_GATEWAY, String::new()), "{url}");
    }
    let (_bed, service) = service(None).await;
    let (status, reason) = export(&service, OWN, "{}".into()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(reason.contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
}

#[tokio::test]
async fn exports_that_wait_for_the_collector_are_bounded_in_number_and_time() {
    let mut target = Target::answering(StatusCode::OK).await;
    let (_bed, service) = service(Some(&target.url)).await;
    target.open.send(false).expect("a collector");
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..MAX_PAGE_EXPORTS {
        let service = service.clone();
        waiting.spawn(async move { export(&service, OWN, "{}".into()).await.0 });
    }
    for _ in 0..MAX_PAGE_EXPORTS {
        target.requests.recv().await.expect("a request");
    }
    assert_eq!(export(&service, OWN, "{}".into()).await.0, StatusCode::SERVICE_UNAVAILABLE);
    // The deadline is the next event of a clock that stands still otherwise.
    tokio::time::pause();
    while let Some(status) = waiting.join_next().await {
        assert_eq!(status.expect("a task"), StatusCode::GATEWAY_TIMEOUT);
    }
    tokio::time::resume();
    target.open.send(true).expect("a collector");
    assert_eq!(export(&service, OWN, "{}".into()).await.0, StatusCode::NO_CONTENT);
}
