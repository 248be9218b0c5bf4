//! Tower layers that carry the trace of a request through servers and clients.
//!
//! [`ServerLayer`] reads the trace headers of a request, opens a span that lasts until the last byte of
//! the response, and makes its context the current one for the inner service and the response body.
//! [`ClientLayer`] opens a span below the current one and writes the trace headers. Spans go to
//! OpenTelemetry's global tracer provider, or to any other; [`ServerLayer::propagate_only`] and
//! [`ClientLayer::propagate_only`] open none and only pass the context on.
//!
//! A bad header never fails a request, errors of the inner service stay what they are, and neither
//! credentials nor query strings become attributes.
//!
//! With everything at its default:
//!
//! ```
//! use axum::{Router, routing::get};
//! use throughline::http::ServerLayer;
//!
//! let app: Router = Router::new()
//!     .route("/users/{id}", get(|| async { "found" }))
//!     .layer(ServerLayer::new());
//! ```
//!
//! With a provider of its own, spans named after axum's routes, and none for health checks:
//!
//! ```
//! use axum::extract::MatchedPath;
//! use axum::{Router, routing::get};
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use throughline::http::ServerLayer;
//! use throughline::propagation::Propagator;
//!
//! let app: Router = Router::new().route("/users/{id}", get(|| async { "found" })).layer(
//!     ServerLayer::new()
//!         .tracer_provider(SdkTracerProvider::builder().build())
//!         .propagation(Propagator::default().forward_baggage(true))
//!         .route(|request| request.extensions().get().map(MatchedPath::as_str))
//!         .filter(|request| request.path() != "/health"),
//! );
//! ```
//!
//! A client, here hyper-util's; any tower service from requests to responses will do:
//!
//! ```
//! use http_body_util::Empty;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use throughline::http::ClientLayer;
//! use tower::Layer;
//!
//! let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
//! let client = ClientLayer::new().layer(client);
//! ```
//!
//! With reqwest (feature `reqwest`), `request.traced(&layer).send()` is all there is to it.

#[cfg(feature = "axum")]
mod axum;
mod body;
mod captured;
mod client;
mod exchange;
mod first_seen;
mod grpc;
mod hooks;
mod metrics;
mod observed;
mod outcome;
mod query;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod recorded_metrics;
mod request_view;
mod response_view;
mod semconv;
mod server;
mod side;
mod span_end;
mod span_handle;
mod spans;

#[cfg(feature = "axum")]
pub use axum::{RecordRoute, RecordRouteService, WebSocketUpgradeExt};
pub use body::TracedBody;
pub use client::{ClientFuture, ClientLayer, ClientService, NoPropagate, ResendCount, UrlTemplate};
#[cfg(feature = "reqwest")]
pub use client::{RequestBuilderExt, ReqwestFuture, TracedRequest};
pub use outcome::{EndView, Ending, Outcome};
pub use request_view::RequestView;
pub use response_view::ResponseView;
pub use server::{PeerAddress, ResponseHeader, ServerFuture, ServerLayer, ServerService};
pub use span_end::SpanEnd;
pub use span_handle::SpanHandle;
