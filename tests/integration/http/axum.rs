//! What axum adds: routes that are told late, extractors, upgrades.

use std::convert::Infallible;

use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::ws::{Message, WebSocketUpgrade};
use ::axum::response::IntoResponse;
use ::axum::routing::{any, get};
use ::http::{Request, StatusCode};
use futures_util::StreamExt;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Tracer, TracerProvider};
use throughline::context::{Baggage, TraceContext};
use throughline::http::{RecordRoute, ServerLayer, SpanHandle};
use throughline::propagation::{Propagator, SentryConfig};
use throughline::websocket::WebSocketUpgradeExt;
use throughline_testkit::InMemorySpans;
use tower::{Layer, ServiceExt};

use super::super::checked_spans::CheckedSpans;
use super::{finished, serve, success};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn layer(spans: &InMemorySpans) -> ServerLayer {
    ServerLayer::new().tracer_provider(spans.provider())
}

fn sent(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// The text of the answer.
async fn ask<S, B>(service: S, request: Request<Body>) -> String
where
    S: tower::Service<Request<Body>, Response = ::http::Response<B>, Error = Infallible>,
    B: axum::body::HttpBody<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let response = service.oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(Body::new(response.into_body()), 1024).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_layer_inside_the_router_finds_the_route_by_itself() {
    let spans = CheckedSpans::new();
    let users = Router::new().route("/{id}", get(|| async {}));
    let app = Router::new().nest("/users", users).layer(layer(&spans));
    ask(app, sent("GET", "/users/7")).await;
    let span = success(&spans).await;
    assert_eq!(span.name, "GET /users/{id}");
    assert_eq!(span.attribute("http.route"), Some("/users/{id}"));
}

#[tokio::test]
async fn a_layer_outside_of_the_router_is_told_the_route() {
    let spans = CheckedSpans::new();
    let app = Router::new()
        .route("/users/{id}", get(|| async {}))
        .route_layer(RecordRoute::new())
        .fallback(|| async { StatusCode::NOT_FOUND });
    let app = layer(&spans).layer(app);
    for (method, path) in [("GET", "/users/7"), ("POST", "/users/7"), ("GET", "/secret")] {
        ask(app.clone(), sent(method, path)).await;
    }
    let spans = finished(&spans, 3).await;
    let seen: Vec<_> =
        spans.iter().map(|span| (span.name.as_str(), span.attribute("http.route"))).collect();
    let route = Some("/users/{id}");
    assert_eq!(seen[0], ("GET /users/{id}", route));
    assert_eq!(seen[1], ("POST /users/{id}", route), "a method that is not allowed has a route");
    assert_eq!(seen[2], ("GET", None));
}

#[tokio::test]
async fn a_route_that_is_told_late_reaches_the_hook_and_leaves_a_given_name_alone() {
    let spans = CheckedSpans::new();
    let (told, ends) = std::sync::mpsc::channel();
    let app = Router::new().route("/users/{id}", get(|| async {})).route_layer(RecordRoute::new());
    let app = layer(&spans)
        .span_name(|_| "mine")
        .on_end(move |end, _| told.send(end.route().map(str::to_owned)).unwrap())
        .layer(app);
    ask(app, sent("GET", "/users/7")).await;
    let span = success(&spans).await;
    assert_eq!((span.name.as_str(), span.attribute("http.route")), ("mine", Some("/users/{id}")));
    assert_eq!(ends.recv().unwrap().as_deref(), Some("/users/{id}"));
}

#[tokio::test]
async fn recording_a_route_without_any_layer_does_nothing() {
    let app = Router::new().route("/", get(|| async { "ok" })).route_layer(RecordRoute::new());
    assert_eq!(ask(app, sent("GET", "/")).await, "ok");
}

#[tokio::test]
async fn se_6_a_head_outside_of_the_router_names_its_transaction_after_the_late_route() {
    async fn transaction(trace: TraceContext) -> String {
        trace.transaction().unwrap_or("none").to_owned()
    }
    let spans = CheckedSpans::new();
    let app = Router::new().route("/users/{id}", get(transaction)).route_layer(RecordRoute::new());
    let propagator = Propagator::default().sentry(SentryConfig::new());
    let app = layer(&spans).propagation(propagator).layer(app);
    assert_eq!(ask(app.clone(), sent("GET", "/users/7")).await, "GET /users/{id}");
    let mut continued = sent("GET", "/users/7");
    continued.headers_mut().insert("traceparent", PARENT.parse().unwrap());
    assert_eq!(ask(app, continued).await, "none");
}

#[tokio::test]
async fn extractors_give_what_is_current_and_never_reject() {
    async fn all(
        trace: TraceContext,
        span: SpanHandle,
        baggage: Baggage,
        some: (Option<TraceContext>, Option<SpanHandle>, Option<Baggage>),
    ) -> String {
        span.set_attribute(KeyValue::new("order", 7));
        let there = (some.0.is_some(), some.1.is_some(), some.2.is_some());
        let parent = trace.parent().map(|parent| parent.parent_id());
        assert_eq!(span.span_id(), parent);
        assert_eq!(span.trace_context(), trace);
        format!("{} {:?} {there:?}", baggage.as_str(), trace.sampled())
    }
    let spans = CheckedSpans::new();
    let app = Router::new().route("/", get(all));
    let request = || {
        let mut request = sent("GET", "/");
        request.headers_mut().insert("traceparent", PARENT.parse().unwrap());
        request.headers_mut().insert("baggage", "tenant=blue".parse().unwrap());
        request
    };
    let traced = app.clone().layer(layer(&spans));
    assert_eq!(ask(traced, request()).await, "tenant=blue Some(true) (true, true, true)");
    assert_eq!(success(&spans).await.attribute("order"), Some("7"));
    let passed = app.clone().layer(ServerLayer::propagate_only());
    assert_eq!(ask(passed, request()).await, "tenant=blue Some(true) (true, false, true)");
    assert_eq!(ask(app, request()).await, " None (false, false, false)");
}

#[tokio::test]
async fn the_trace_id_can_stand_in_an_errors_body() {
    async fn fails(span: SpanHandle) -> impl IntoResponse {
        let id = span.trace_id().map(|id| id.to_string()).unwrap_or_default();
        (StatusCode::INTERNAL_SERVER_ERROR, format!("something broke, trace {id}"))
    }
    let spans = CheckedSpans::new();
    let app = Router::new().route("/", get(fails)).layer(layer(&spans));
    let text = ask(app, sent("GET", "/")).await;
    let span = finished(&spans, 1).await.remove(0);
    assert_eq!(text, format!("something broke, trace {}", span.trace_id));
    assert_eq!(span.attribute("error.type"), Some("500"));
}

#[tokio::test]
async fn axums_connect_info_is_the_peer() {
    let spans = CheckedSpans::new();
    let app = Router::new().route("/", get(|| async {})).layer(layer(&spans));
    // As `into_make_service_with_connect_info` does it.
    let mut request = sent("GET", "/");
    let peer = std::net::SocketAddr::from(([1, 2, 3, 4], 5));
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    ask(app, request).await;
    assert_eq!(success(&spans).await.attribute("client.address"), Some("1.2.3.4"));
}

#[tokio::test]
async fn an_upgraded_task_has_the_context_although_the_handshake_has_ended() {
    let spans = CheckedSpans::new();
    let tracer = spans.provider().tracer("socket");
    let app = Router::new()
        .route(
            "/socket",
            any(move |upgrade: WebSocketUpgrade| async move {
                upgrade.on_upgrade_in_context(move |mut socket| {
                    let at_once = TraceContext::current();
                    async move {
                        assert_eq!(at_once, TraceContext::current());
                        while let Some(Ok(Message::Text(text))) = socket.recv().await {
                            tracer.in_span("message", |_| drop(text));
                            socket.send(Message::text("done")).await.unwrap();
                        }
                    }
                })
            }),
        )
        .layer(layer(&spans));
    let url = format!("ws://{}/socket", serve(app).await);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let handshake = success(&spans).await;
    assert_eq!(handshake.attribute("http.response.status_code"), Some("101"));
    futures_util::SinkExt::send(&mut socket, "hello".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "done");
    let spans = finished(&spans, 2).await;
    assert_eq!(spans[1].name, "message");
    assert_eq!(spans[1].parent_span_id.as_ref(), Some(&handshake.span_id));
    assert!(spans[1].start >= handshake.end, "the handshake's span does not grow");
}
