//! The shop on tower-otel.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use opentelemetry::global;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower::{Layer, ServiceExt};
use tower_otel::{metrics, trace};
use tracing::{Level, Subscriber};
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
pub fn app(stock: Stock, meters: &SdkMeterProvider) -> Router {
    let stock = Stock::new(trace::HttpLayer::client(Level::INFO).layer(stock));
    Router::new()
        .route("/orders/{id}", get(order))
        .layer(trace::HttpLayer::server(Level::INFO))
        .layer(metrics::HttpLayer::server(&meters.meter("shop")))
        .with_state(stock)
}

#[tracing::instrument(skip_all)]
async fn order(State(stock): State<Stock>, Path(id): Path<u32>) -> Result<String, StatusCode> {
    let response = stock.oneshot(item(id)).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(format!("order {id}: {}", response.status()))
}
