//! What callers and retry layers say about a request.

use std::future::{Ready, ready};

use ::http::{Request, Response, StatusCode};
use http_body_util::Empty;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use throughline::http::{NoPropagate, ResendCount, UrlTemplate};
use throughline_testkit::SpanRecord;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tower::retry::{Policy, Retry};
use tower::{Layer, ServiceExt};

use super::*;

#[tokio::test]
async fn a_template_names_the_span_and_the_path_does_not() {
    let spans = CheckedSpans::new();
    let address = serve(Router::new().route("/users/{id}", any(|| async {}))).await;
    let mut sent = request("GET", address, "/users/7");
    sent.extensions_mut().insert(UrlTemplate("/users/{id}"));
    client_layer(&spans).layer(plain_client()).oneshot(sent).await.unwrap();
    let span = finished(&spans, 1).await.remove(0);
    assert_eq!(span.name, "GET /users/{id}");
    assert_eq!(span.attribute("url.template"), Some("/users/{id}"));
}

#[tokio::test]
async fn an_opt_out_removes_the_headers_and_leaves_the_span() {
    let spans = CheckedSpans::new();
    let address = origin("/").await;
    let mut sent = request("GET", address, "/parent");
    let stale = "00-11111111111111111111111111111111-1111111111111111-01";
    sent.headers_mut().insert("traceparent", HeaderValue::from_static(stale));
    sent.extensions_mut().insert(NoPropagate);
    let response = client_layer(&spans).layer(plain_client()).oneshot(sent).await.unwrap();
    assert_eq!(text(response.into_body()).await, "none");
    assert_eq!(finished(&spans, 1).await.len(), 1);
}

/// Three attempts, and the number of the attempt in each request.
#[derive(Clone, Debug)]
struct ThreeTimes;

impl<B, E> Policy<Request<Empty<Bytes>>, Response<B>, E> for ThreeTimes {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        request: &mut Request<Empty<Bytes>>,
        result: &mut Result<Response<B>, E>,
    ) -> Option<Self::Future> {
        let ResendCount(times) = request.extensions().get().copied().unwrap_or_default();
        let failed = result.as_ref().is_ok_and(|response| response.status().is_server_error());
        request.extensions_mut().insert(ResendCount(times + 1));
        (failed && times < 2).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Empty<Bytes>>) -> Option<Request<Empty<Bytes>>> {
        Some(request.clone())
    }
}

/// A server that is never there for anybody, and the parents that it was told of.
async fn unavailable() -> (SocketAddr, UnboundedReceiver<String>) {
    let (told, tells) = unbounded_channel();
    let refuse = async move |headers: HeaderMap| {
        told.send(parent(headers).await).unwrap();
        StatusCode::SERVICE_UNAVAILABLE
    };
    (serve(Router::new().route("/", any(refuse))).await, tells)
}

fn resent(spans: &[SpanRecord]) -> Vec<Option<&str>> {
    spans.iter().map(|span| span.attribute("http.request.resend_count")).collect()
}

#[tokio::test]
async fn tp_8_retries_outside_the_layer_have_spans_and_ids_of_their_own() {
    let spans = CheckedSpans::new();
    let (address, mut told) = unavailable().await;
    let client = Retry::new(ThreeTimes, client_layer(&spans).layer(plain_client()));
    client.oneshot(request("GET", address, "/")).await.unwrap();
    let attempts = finished(&spans, 3).await;
    assert_eq!(resent(&attempts), [None, Some("1"), Some("2")]);
    for attempt in &attempts {
        let told = told.recv().await.unwrap();
        assert!(told.contains(&attempt.span_id), "{told}");
    }
}

#[tokio::test]
async fn tp_8_retries_inside_a_layer_have_their_own_ids_with_a_layer_inside_them_too() {
    let spans = CheckedSpans::new();
    let (address, mut told) = unavailable().await;
    let layer = client_layer(&spans);
    let attempts = Retry::new(ThreeTimes, layer.layer(plain_client()));
    let client = layer.layer(attempts);
    client.oneshot(request("GET", address, "/")).await.unwrap();
    let (attempts, whole) = match &finished(&spans, 4).await[..] {
        [attempts @ .., whole] => (attempts.to_vec(), whole.clone()),
        [] => unreachable!("four spans were awaited"),
    };
    for attempt in &attempts {
        assert_eq!(attempt.parent_span_id.as_ref(), Some(&whole.span_id));
        let told = told.recv().await.unwrap();
        assert!(told.contains(&attempt.span_id), "{told}");
    }
    assert_eq!(attempts.len(), 3);
}

#[tokio::test]
async fn retries_inside_the_only_layer_are_one_span_whose_id_all_carry() {
    let spans = CheckedSpans::new();
    let (address, mut told) = unavailable().await;
    let client = client_layer(&spans).layer(Retry::new(ThreeTimes, plain_client()));
    client.oneshot(request("GET", address, "/")).await.unwrap();
    let whole = finished(&spans, 1).await.remove(0);
    for _ in 0..3 {
        let told = told.recv().await.unwrap();
        assert!(told.contains(&whole.span_id), "{told}");
    }
}

#[tokio::test]
async fn a_span_that_nobody_records_is_sent_all_the_same() {
    let spans = CheckedSpans::of(
        InMemorySpans::new().sampler(opentelemetry_sdk::trace::Sampler::AlwaysOff),
    );
    let tracer = spans.provider().tracer("test");
    let cx = Context::new();
    let cx = cx.with_span(tracer.start_with_context("caller", &cx));
    let address = origin("/").await;
    let sent = {
        let _current = cx.clone().attach();
        let mut client = client_layer(&spans).layer(plain_client());
        tower::Service::call(&mut client, request("GET", address, "/parent"))
    };
    let told = text(sent.await.unwrap().into_body()).await;
    let span = cx.span().span_context().clone();
    assert!(told.contains(&span.trace_id().to_string()) && told.ends_with("-02"), "{told}");
    assert!(!told.contains(&span.span_id().to_string()), "the client's own id is sent: {told}");
}
