//! The shop on throughline, its errors still on Sentry's SDK.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use opentelemetry_sdk::trace::{SdkTracerProvider, ShouldSample};
use sentry_core::protocol::{Event, TraceContext};
use sentry_core::{ClientOptions, capture_error};
use sentry_tower::NewSentryLayer;
use throughline::http::{ClientLayer, ServerLayer, SpanHandle};
use throughline::otel::{ParentBased, RatioBased};
use tower::{Layer, ServiceExt};

use crate::{Stock, item};

/// What `main` initializes Sentry with, beside the DSN.
pub fn options() -> ClientOptions {
    ClientOptions::new().before_send(|event| Some(in_this_trace(event)))
}

/// What `main` builds its tracer provider with: an OTLP exporter and this sampler.
pub fn sampler() -> impl ShouldSample + Clone {
    ParentBased::new(RatioBased::new(0.25))
}

/// What `main` serves.
pub fn app(stock: Stock, provider: &SdkTracerProvider) -> Router {
    let stock = ClientLayer::new().tracer_provider(provider.clone()).layer(stock);
    let stock = Stock::new(stock.map_response(|response| response.map(Body::new)));
    Router::new()
        .route("/orders/{id}", get(order))
        .layer(ServerLayer::new().tracer_provider(provider.clone()))
        .layer(NewSentryLayer::new_from_top())
        .with_state(stock)
}

async fn order(State(stock): State<Stock>, Path(id): Path<u32>) -> Result<String, StatusCode> {
    let response = stock.oneshot(item(id)).await.map_err(|error| {
        capture_error(&*error);
        StatusCode::BAD_GATEWAY
    })?;
    Ok(format!("order {id}: {}", response.status()))
}

/// Sentry's SDK calls this where an error is captured, in the context of the request.
fn in_this_trace(mut event: Event<'static>) -> Event<'static> {
    let span = SpanHandle::current();
    if let (Some(trace_id), Some(span_id)) = (span.trace_id(), span.span_id()) {
        let trace = TraceContext {
            trace_id: trace_id.to_bytes().into(),
            span_id: span_id.to_bytes().into(),
            ..TraceContext::default()
        };
        event.contexts.insert("trace".to_owned(), trace.into());
    }
    event
}
