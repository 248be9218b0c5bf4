//! An error's body that names its trace, so that who reports it says where to look.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use throughline::http::{ServerLayer, SpanHandle};
use throughline_testkit::InMemorySpans;
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spans = InMemorySpans::for_service("shop");
    let app = Router::new()
        .route("/order/{item}", get(order))
        .layer(ServerLayer::new().tracer_provider(spans.provider()));
    let response = app.oneshot(Request::get("/order/7").body(Body::empty())?).await?;
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1024).await?;
    println!("{status}: {}\n\n{}", String::from_utf8_lossy(&body), spans.tree());
    let trace_id = spans.finished().first().map(|span| span.trace_id.clone()).unwrap_or_default();
    assert!(!trace_id.is_empty() && String::from_utf8_lossy(&body).contains(&trace_id));
    Ok(())
}

async fn order() -> Result<String, Failure> {
    Err(Failure("out of stock"))
}

/// Any error of this service.
struct Failure(&'static str);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // The layer has made the request's span current, here as in the handler.
        let trace = SpanHandle::current().trace_id().map(|id| id.to_string());
        let text = format!("{}, trace {}", self.0, trace.as_deref().unwrap_or("unknown"));
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}
