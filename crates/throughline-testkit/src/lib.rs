//! Shows a test what a distributed trace looks like: spans as plain values, traces as text.
//!
//! ```
//! use opentelemetry::trace::{Tracer, TracerProvider};
//! use throughline_testkit::InMemorySpans;
//!
//! let spans = InMemorySpans::for_service("api");
//! let api = spans.provider().tracer("docs");
//! let broker = spans.service("broker").provider().tracer("docs");
//!
//! api.in_span("POST /orders", |_| broker.in_span("publish", |_| ()));
//!
//! let expected = "api     POST /orders  INTERNAL\nbroker    publish  INTERNAL";
//! assert_eq!(spans.tree(), expected);
//! ```
//!
//! # Map
//!
//! | where the spans come from | |
//! |---|---|
//! | [`InMemorySpans`] | services of this process, as soon as a span ends |
//! | [`OtlpReceiver`] | other processes, by OTLP/HTTP; their metrics too, as [`MetricRecord`] |
//!
//! | what can be asked | |
//! |---|---|
//! | [`SpanRecord`] | one span in plain values |
//! | [`Tree`], [`Row`] | the spans as text for a snapshot, or as rows for a program of its own |
//! | [`Traces`], [`Trace`] | which spans belong together, whether one is missing |
//! | [`limits`] | every bound: what lies beyond is dropped and counted |
//!
//! # What it does not do
//!
//! It stores nothing on disk, forwards nothing and authenticates nobody: it is for tests and demos
//! on one machine. The receiver takes neither gRPC nor OTLP in JSON, neither compressed bodies nor
//! logs. It corrects no clocks: siblings from different machines are ordered by what those say.

pub mod limits;

mod memory;
mod otlp;
mod span;
mod store;
mod trace;
mod tree;

pub use memory::InMemorySpans;
pub use otlp::{MetricKind, MetricRecord, OtlpReceiver};
pub use span::{EventRecord, InvalidSpan, Kind, LinkRecord, SpanRecord, Status};
pub use store::Timeout;
pub use trace::{Trace, Traces};
pub use tree::{Row, Tree};
