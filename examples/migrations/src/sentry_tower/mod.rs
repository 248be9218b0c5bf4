//! From sentry-tower 0.49: transactions become OpenTelemetry's spans, errors stay with Sentry's SDK.
//!
//! | before | after |
//! |---|---|
//! | `SentryHttpLayer::new().enable_transaction()` | `ServerLayer`: continues `sentry-trace` and `traceparent` alike |
//! | `traces_sample_rate` of the client | a sampler, with `RatioBased` for traces that begin here |
//! | transactions, sent by the SDK | spans, sent by OTLP to Sentry or to anybody else |
//! | `iter_headers()` of the current span for each call | `ClientLayer` once |
//! | `NewSentryLayer` and `capture_error` | the same, with the trace of the current context by `before_send` |
//!
//! What changes without being asked for: callers and services that speak `traceparent` are in the
//! trace, the span lasts until the last byte of the response, and requests are measured.

pub mod after;
pub mod before;
