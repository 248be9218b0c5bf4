//! A small shop on another crate's layer, and the same on throughline's: `before.rs` and `after.rs`
//! of each folder are made to be read side by side, or by `diff`.
//!
//! The shop answers `GET /orders/{id}` and asks another service, the stock, for the item.
//! `tests/traces` sends the same request through both and holds that the trace afterwards has at least
//! what it had before.

use axum::BoxError;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::Response;
use tower::util::BoxCloneSyncService;

pub mod axum_tracing_opentelemetry;
pub mod sentry_tower;
pub mod tower_otel;

/// The client that leads to the stock.
pub type Stock = BoxCloneSyncService<Request, Response, BoxError>;

/// Asks for an item.
fn item(id: u32) -> Request {
    let mut request = Request::new(Body::empty());
    // The characters of a number are those of a path.
    *request.uri_mut() =
        format!("http://stock.internal/items/{id}").parse().unwrap_or(Uri::default());
    request
}
