//! A service whose spans and log lines come from the crate `tracing`: each line has the trace id of the
//! caller, and each hop is exported once.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{Request, Response, Uri};
use axum::{Router, routing::get};
use opentelemetry::trace::TracerProvider;
use throughline::http::{ClientLayer, ServerLayer, Spans};
use throughline_testkit::InMemorySpans;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{info, instrument};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{fmt, registry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spans = InMemorySpans::for_service("orders");
    let exporter =
        tracing_opentelemetry::layer().with_tracer(spans.provider().tracer("tracing_service"));
    let lines = fmt::layer().without_time().with_target(false);
    tracing::subscriber::set_global_default(registry().with(exporter).with(lines))?;

    let app: Router = Router::new()
        .route("/orders/{id}", get(order))
        .layer(ServerLayer::new().spans(Spans::Tracing).metrics(false));
    let request = Request::get("/orders/7")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let response = app.oneshot(request.body(Body::empty())?).await?;
    axum::body::to_bytes(response.into_body(), usize::MAX).await?;

    println!("\n{}", spans.tree());
    Ok(())
}

#[instrument]
async fn order() -> &'static str {
    info!("looking it up");
    let client = ClientLayer::new().spans(Spans::Tracing).metrics(false).layer(service_fn(stock));
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("http://stock/items/7");
    let Ok(_) = client.oneshot(request).await;
    "shipped"
}

/// In place of a real client.
async fn stock(request: Request<()>) -> Result<Response<Body>, Infallible> {
    info!(sent = ?request.headers().get("traceparent"), "asking the stock");
    Ok(Response::new(Body::empty()))
}
