//! What the tests of a traced service need: its spans as text, the headers of real callers, and a
//! failure when a context stays behind.
//!
//! ```
//! use opentelemetry::trace::{Tracer, TracerProvider};
//! use throughline_testkit::{InMemorySpans, LeakCheck};
//!
//! let spans = InMemorySpans::for_service("api");
//! let _check = LeakCheck::new().spans(&spans);
//! let api = spans.provider().tracer("docs");
//! let broker = spans.service("broker").provider().tracer("docs");
//!
//! api.in_span("POST /orders", |_| broker.in_span("publish", |_| ()));
//! insta::assert_snapshot!(spans.tree(), @r"
//! api     POST /orders  INTERNAL
//! broker    publish  INTERNAL
//! ");
//! ```
//!
//! # Map
//!
//! | where the spans come from | |
//! |---|---|
//! | [`InMemorySpans`] | services of this process, as soon as a span ends |
//! | `OtlpReceiver` | other processes, by OTLP/HTTP; their metrics too, as `MetricRecord` |
//!
//! | what can be asked | |
//! |---|---|
//! | [`SpanRecord`] | one span in plain values |
//! | [`Tree`], [`Row`] | the spans as text for a snapshot, or as rows for a program of its own |
//! | [`Traces`], [`Trace`] | which spans belong together, whether one is missing |
//!
//! | who calls, what goes out | |
//! |---|---|
//! | [`Caller`], [`Sdk`] | headers and messages as real SDKs send them |
//! | [`headers`] | whether outgoing headers continue a span, pass a trace on, or name none |
//! | `websocket` | two ends of a WebSocket without a port |
//! | `NatsServer` | the real NATS server, for as long as a test runs |
//!
//! | what has to hold | |
//! |---|---|
//! | [`LeakCheck`], [`Leaks`] | no context stays on a thread, every span ends |
//! | `WatchedRuntime` | the same for all threads of a runtime |
//! | `allocations` | code allocates no more often than its budget |
//! | [`limits`] | every bound: what lies beyond is dropped and counted |
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | opens |
//! |---|---|
//! | `allocations` | the module `allocations`, with a counting global allocator |
//! | `nats-server` | `NatsServer` |
//! | `otlp` | `OtlpReceiver`, `MetricRecord`, `MetricKind` |
//! | `runtime` | [`LeakCheck`]`::run`, `WatchedRuntime` |
//! | `websocket` | the module `websocket` |
//!
//! # What it does not do
//!
//! It keeps nothing, forwards nothing and authenticates nobody: it is for tests and demos on one
//! machine. The receiver takes neither gRPC nor compressed bodies nor logs. It corrects no clocks:
//! siblings from different machines are ordered by what those say.

#[cfg(feature = "allocations")]
pub mod allocations;
pub mod headers;
pub mod limits;
#[cfg(feature = "websocket")]
pub mod websocket;

mod caller;
mod leak;
mod memory;
#[cfg(feature = "nats-server")]
mod nats_server;
#[cfg(feature = "otlp")]
mod otlp;
mod span;
mod store;
mod trace;
mod tree;

pub use caller::{Caller, Sdk};
#[cfg(feature = "runtime")]
pub use leak::WatchedRuntime;
pub use leak::{LeakCheck, Leaks, Watched};
pub use memory::InMemorySpans;
#[cfg(feature = "nats-server")]
pub use nats_server::NatsServer;
#[cfg(feature = "otlp")]
pub use otlp::{MetricKind, MetricRecord, OtlpReceiver};
pub use span::{EventRecord, InvalidSpan, Kind, LinkRecord, SpanRecord, Status};
pub use store::Timeout;
pub use trace::{Trace, Traces};
pub use tree::{Row, Tree};

/// The examples of the README compile too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
