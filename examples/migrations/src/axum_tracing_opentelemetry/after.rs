//! The shop on throughline.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use throughline::http::{ClientLayer, ResponseHeader, ServerLayer};
use tower::{Layer, ServiceExt};
use tracing::Subscriber;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use crate::{Stock, item};

/// What `main` installs.
pub fn subscriber(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync + use<> {
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("shop"));
    Registry::default().with(spans)
}

/// What `main` serves.
pub fn app(stock: Stock, provider: &SdkTracerProvider) -> Router {
    let stock = ClientLayer::new().tracer_provider(provider.clone()).layer(stock);
    let stock = Stock::new(stock.map_response(|response| response.map(Body::new)));
    Router::new()
        .route("/orders/{id}", get(order))
        .route("/health", get(|| async { "up" }))
        .layer(
            ServerLayer::new()
                .tracer_provider(provider.clone())
                .capture_query()
                .response_header(ResponseHeader::ServerTiming)
                .filter(|request| request.path() != "/health"),
        )
        .with_state(stock)
}

#[tracing::instrument(skip_all)]
async fn order(State(stock): State<Stock>, Path(id): Path<u32>) -> Result<String, StatusCode> {
    let response = stock.oneshot(item(id)).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(format!("order {id}: {}", response.status()))
}
