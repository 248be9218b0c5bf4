//! Carries the trace of a request through HTTP and WebSocket messages, in the headers that real fleets
//! speak: `traceparent`, `tracestate`, `sentry-trace` and `baggage`.
//!
//! For people who run several services (axum, hyper, tonic, WebSockets, queues) and cannot see one request
//! as one trace, because the trace breaks at a message, an upgrade, or between a Sentry service and an
//! OpenTelemetry one.
//!
//! ```
//! use axum::{Router, http::HeaderMap, routing::get};
//! use throughline::context::TraceContext;
//! use throughline::http::ServerLayer;
//! use throughline::propagation::Propagator;
//!
//! /// Runs in a span of the caller's trace, whichever header named it; the next service gets both.
//! async fn hello() -> String {
//!     let mut headers = HeaderMap::new();
//!     Propagator::default().inject(&TraceContext::current(), &mut headers);
//!     format!("call the next service with {headers:?}")
//! }
//!
//! let app: Router = Router::new().route("/", get(hello)).layer(ServerLayer::new());
//! ```
//!
//! Two commands, on a machine with Rust and a C compiler:
//!
//! | command | what it does |
//! |---|---|
//! | `cargo run -p pipeline` | a build traced from a runner's process over WebSocket, broker, API and persistence to the database, as four services; prints the one trace |
//! | `cargo xtask test` | installs what it needs (packages on Debian, as root), then checks format, lints, tests, the module for browsers in Node and Chromium, documentation, features, examples, benches, fuzz targets, the pipeline, dependencies, and interop with SDKs for Node and Python, which have to be there |
//!
//! # Map
//!
//! | module | what is in it |
//! |---|---|
//! | [`context`] | what travels: parent, vendor state, baggage; plain values |
//! | [`propagation`] | text to values and back: formats, carriers, [`Propagator`](propagation::Propagator) |
//! | [`otel`] | the bridge to the current context, which is OpenTelemetry's |
//! | `http` | Tower layers for servers and clients |
//! | `websocket` | context inside WebSocket messages, and their spans |
//! | [`messaging`] | spans and metrics of messages, whatever carries them |
//! | `nats` | messages of NATS and JetStream in such spans |
//! | `task` | tasks, channels and child processes that keep their trace |
//! | [`limits`] | every bound, with its reason |
//!
//! # Features
//!
//! | feature | default | opens |
//! |---|---|---|
//! | `http` | yes | the module `http` |
//! | `websocket` | yes | the module `websocket`, for tokio-tungstenite |
//! | `websocket-connect` | | `websocket::connect_traced`, which opens a connection of tokio-tungstenite and tells the server |
//! | `reqwest` | | requests of reqwest in `http` |
//! | `axum` | | axum's routes and extractors in `http`; with `websocket`, its upgrades and messages there |
//! | `task` | | the module `task`, for tokio |
//! | `tracing` | | spans of the crate `tracing` in `http`, for log lines and tracing-opentelemetry |
//! | `bound-metrics` | | HTTP metrics of the OpenTelemetry SDK by bound instruments, an experimental feature of it |
//! | `sdk` | | samplers for the OpenTelemetry SDK in [`otel`] |
//! | `serde` | with `websocket` | propagators from configuration files |
//! | `json` | with `websocket` | JSON objects as carriers, among them CloudEvents |
//! | `tonic` | | gRPC metadata as a carrier |
//! | `nats` | | the module `nats`, for async-nats with JetStream; NATS message headers as a carrier |
//! | `sentry` | | errors that Sentry captures, in the current trace of [`otel`] |
//!
//! A feature never changes what is there without it, but for `axum`: with it, spans have axum's routes.
//!
//! # What it does not do
//!
//! It records no spans of its own kind: they are OpenTelemetry's, made by the provider that you
//! install, or those of `tracing`. It exports nothing, and starts no thread or task that it was not asked
//! to spawn. It has no global state: where OpenTelemetry's global provider is the default, another one can
//! be passed in.

pub mod context;
#[cfg(feature = "http")]
pub mod http;
pub mod limits;
pub mod messaging;
#[cfg(feature = "nats")]
pub mod nats;
pub mod otel;
pub mod propagation;
#[cfg(feature = "task")]
pub mod task;
#[cfg(feature = "websocket")]
pub mod websocket;
