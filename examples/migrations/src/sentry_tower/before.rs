//! The shop on sentry-tower.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::routing::get;
use sentry_core::{ClientOptions, capture_error, configure_scope};
use sentry_tower::{NewSentryLayer, SentryHttpLayer};
use tower::ServiceExt;

use crate::{Stock, item};

/// What `main` initializes Sentry with, beside the DSN.
pub fn options() -> ClientOptions {
    ClientOptions::new().traces_sample_rate(0.25)
}

/// What `main` serves.
pub fn app(stock: Stock) -> Router {
    Router::new()
        .route("/orders/{id}", get(order))
        .layer(SentryHttpLayer::new().enable_transaction())
        .layer(NewSentryLayer::new_from_top())
        .with_state(stock)
}

async fn order(State(stock): State<Stock>, Path(id): Path<u32>) -> Result<String, StatusCode> {
    let mut request = item(id);
    continue_trace(&mut request);
    let response = stock.oneshot(request).await.map_err(|error| {
        capture_error(&*error);
        StatusCode::BAD_GATEWAY
    })?;
    Ok(format!("order {id}: {}", response.status()))
}

fn continue_trace(request: &mut Request) {
    let span = configure_scope(|scope| scope.get_span());
    for (name, value) in span.iter().flat_map(|span| span.iter_headers()) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            request.headers_mut().insert(name, value);
        }
    }
}
