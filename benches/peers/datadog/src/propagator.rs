//! Datadog's propagator, made by its public API.

use datadog_opentelemetry::configuration::{Config, TracePropagationStyle};
use datadog_opentelemetry::log::LevelFilter;
use opentelemetry::propagation::TextMapPropagator;

/// Its type has no public name.
type Propagator = Box<dyn TextMapPropagator + Send + Sync>;

pub(crate) fn trace_context() -> Propagator {
    propagator(vec![TracePropagationStyle::TraceContext])
}

pub(crate) fn all_three() -> Propagator {
    propagator(vec![TracePropagationStyle::TraceContext, TracePropagationStyle::Baggage])
}

/// There is no other way to it than through a whole tracer, which is dropped at once: nobody records
/// a span here.
fn propagator(formats: Vec<TracePropagationStyle>) -> Propagator {
    let mut config = Config::builder();
    config
        .set_trace_propagation_style(formats)
        .set_log_level_filter(LevelFilter::Off)
        .set_remote_config_enabled(false)
        .set_telemetry_enabled(false);
    let (_, propagator) = datadog_opentelemetry::tracing().with_config(config.build()).init_local();
    Box::new(propagator)
}
