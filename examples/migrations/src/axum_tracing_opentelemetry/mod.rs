//! From axum-tracing-opentelemetry 0.42.
//!
//! | before | after |
//! |---|---|
//! | the global propagator | is not needed: a layer reads and writes all three headers |
//! | `OtelAxumLayer` | `ServerLayer`, with a provider of its own if wanted |
//! | `filter(fn(&str) -> bool)` | `filter(\|request\| ..)`; what is filtered carries its context on |
//! | the query is exported as it is | `capture_query()`, without what is known to be a signature |
//! | `OtelInResponseLayer`, a `traceparent` in the response | `response_header(ResponseHeader::ServerTiming)`, which browsers read |
//! | `inject_context(&find_current_context(), ..)` for each call | `ClientLayer` once |
//! | `find_current_trace_id()` | `SpanHandle::current().trace_id()` |
//! | `#[tracing::instrument]` | the same: its span is a child of the layer's |
//!
//! What changes without being asked for: the span lasts until the last byte of the response, a dropped
//! request and a panic are errors on it, the call to the stock has a span of its own, and requests are
//! measured.

pub mod after;
pub mod before;
