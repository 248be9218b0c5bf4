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
//!
//! # With tracing
//!
//! There are two kinds of [`Spans`]. Take the default, OpenTelemetry's, unless your spans come from the
//! crate `tracing`: it needs no subscriber and costs least. Functions with `#[instrument]` make children
//! of it too, where tracing-opentelemetry exports them; log lines do not know it.
//!
//! Take `Spans::Tracing` (feature `tracing`) if they do. The span of a request is then one of them: it
//! stands in every log line, with its `trace_id` and `span_id`, and tracing-opentelemetry 0.34 exports
//! it. Both layers have to be told:
//!
//! ```
//! # #[cfg(feature = "tracing")]
//! # fn begin() -> Result<(), Box<dyn std::error::Error>> {
//! use opentelemetry::trace::TracerProvider;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use throughline::http::{ClientLayer, ServerLayer, Spans};
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let provider = SdkTracerProvider::builder().build(); // ... with an exporter
//! let subscriber = tracing_subscriber::registry()
//!     .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("orders")))
//!     .with(tracing_subscriber::fmt::layer());
//! tracing::subscriber::set_global_default(subscriber)?;
//!
//! let server = ServerLayer::new().spans(Spans::Tracing);
//! let client = ClientLayer::new().spans(Spans::Tracing);
//! # Ok(())
//! # }
//! ```
//!
//! - The span has the target `throughline::http` and the level `INFO`. Where nobody listens, or a filter
//!   drops it, or it is in log lines only, what came in is passed on.
//! - It ends with the request, as seen by OpenTelemetry, even if a task keeps it. What comes later is
//!   in log lines only, and so are the times that tracing-opentelemetry adds when the last one drops it.
//! - A spawned task is outside of it. `.in_current_span()` of `tracing` takes log lines along, and the
//!   trace if it is exported; [`in_context`](crate::otel::ContextFuture::in_context) takes the trace in
//!   any case. Both can be had at once.
//! - An exported span has the ids as attributes too. The usual format of log lines appends a name that
//!   turned out late, so that both names stand there.

mod active;
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
mod recorded_metrics;
mod request_view;
mod response_view;
mod routes;
mod semconv;
mod server;
mod side;
mod span_end;
mod span_handle;
mod spans;
mod tracing_span;

#[cfg(feature = "axum")]
pub use axum::{RecordRoute, RecordRouteService};
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
pub use spans::Spans;
