//! The same requests through the shop before and after; what the trace had, it still has.
//!
//! `cfg(test)` is always on here. It tells clippy that functions beside the tests may panic too.

#[cfg(test)]
mod axum_tracing_opentelemetry;
#[cfg(test)]
mod sentry_tower;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod tower_otel;
