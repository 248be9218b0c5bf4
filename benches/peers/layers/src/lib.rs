//! Each peer's HTTP layer with what its documentation says to install: one way for the questions of
//! `tests/scenarios`, the benches and the loopback.

use opentelemetry::global;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

pub mod axum_tracing_opentelemetry;
pub mod fastrace_tower;
pub mod opentelemetry_instrumentation_tower;
pub mod sentry_tower;
pub mod tower_otel;
pub mod tracing_spans;

/// Name and version, as the head of a column.
#[must_use]
pub fn head(package: &str) -> String {
    format!("{package} {}", conformance::version_in(LOCK, package))
}

/// The propagators that OpenTelemetry's specification has as the default, as the global ones: the
/// peers' documentation names the first, which alone would lose the baggage.
pub fn install_propagators() {
    let propagators: Vec<Box<dyn TextMapPropagator + Send + Sync>> =
        vec![Box::new(TraceContextPropagator::new()), Box::new(BaggagePropagator::new())];
    global::set_text_map_propagator(TextMapCompositePropagator::new(propagators));
}

/// The versions that were resolved.
const LOCK: &str = include_str!("../Cargo.lock");
