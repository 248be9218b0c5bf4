//! From tower-otel 0.12.
//!
//! | before | after |
//! |---|---|
//! | the global propagator | is not needed: a layer reads and writes all three headers |
//! | `trace::HttpLayer::server(..)` and `metrics::HttpLayer::server(..)` | `ServerLayer`: one layer, in the right order |
//! | `.trace_body()` | always; `span_end(SpanEnd::Headers)` for the old end |
//! | `trace::HttpLayer::client(..)` | `ClientLayer` |
//! | every header of request and response is exported | `capture_request_headers([..])` and `capture_response_headers([..])` name some |
//! | the query is exported as it is | `capture_query()`, without what is known to be a signature |
//! | the level of its spans | does not matter: the spans are OpenTelemetry's, not `tracing`'s |
//! | `#[tracing::instrument]` | the same: its span is a child of the layer's |
//!
//! What changes without being asked for: `authorization` and cookies are exported no more, and a task
//! that keeps the context does not stretch the span.

pub mod after;
pub mod before;
