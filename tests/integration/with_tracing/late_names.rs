//! Routes that are known inside of the layer only.

use ::axum::body::Body;
use ::axum::{Router, routing::get};
use ::http::Request;
use http_body_util::BodyExt;
use throughline::http::{RecordRoute, ServerLayer, Spans};
use throughline_testkit::InMemorySpans;
use tower::{Layer, ServiceExt};
use tracing::info;

use super::{Lines, Subscriber, TRACE_ID, received};

/// The usual format appends what is recorded later; the one of JSON would replace it.
#[tokio::test]
async fn a_route_that_is_recorded_inside_names_the_span_for_exporters_and_log_lines() {
    let (spans, lines) = (InMemorySpans::new(), Lines::default());
    let _subscribed = Subscriber::Exporter.listen(&spans, &lines);
    let app: Router = Router::new()
        .route("/users/{id}", get(|| async { "found" }))
        .route_layer(RecordRoute::new());
    let layer = ServerLayer::new().spans(Spans::Tracing).on_end(|_, _| info!("at the end"));
    let mut request = Request::get("/users/7").body(Body::empty()).unwrap();
    *request.headers_mut() = received();
    let response = layer.layer(app).oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();

    let span = spans.only();
    assert_eq!(span.name, "GET /users/{id}");
    assert_eq!(span.attribute("http.route"), Some("/users/{id}"));
    let fields = format!(
        "otel.kind=\"server\" otel.name=\"GET\" trace_id={TRACE_ID} span_id={} \
         http.response.status_code=200 otel.name=\"GET /users/{{id}}\"",
        span.span_id
    );
    let place = "integration::with_tracing::late_names";
    assert_eq!(lines.all(), [format!(" INFO HTTP request{{{fields}}}: {place}: at the end")]);
}
