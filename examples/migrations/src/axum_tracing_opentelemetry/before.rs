//! The shop on axum-tracing-opentelemetry.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum_tracing_opentelemetry::middleware::{OtelAxumLayer, OtelInResponseLayer};
use opentelemetry::global;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::ServiceExt;
use tracing::Subscriber;
use tracing_opentelemetry_instrumentation_sdk::find_current_context;
use tracing_opentelemetry_instrumentation_sdk::http::inject_context;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use crate::{Stock, item};

/// What `main` installs.
pub fn subscriber(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync + use<> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    Registry::default().with(spans)
}

/// What `main` serves.
pub fn app(stock: Stock) -> Router {
    Router::new()
        .route("/orders/{id}", get(order))
        .route("/health", get(|| async { "up" }))
        .layer(OtelInResponseLayer)
        .layer(OtelAxumLayer::default().filter(|path| path != "/health"))
        .with_state(stock)
}

#[tracing::instrument(skip_all)]
async fn order(State(stock): State<Stock>, Path(id): Path<u32>) -> Result<String, StatusCode> {
    let mut request = item(id);
    inject_context(&find_current_context(), request.headers_mut());
    let response = stock.oneshot(request).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(format!("order {id}: {}", response.status()))
}
