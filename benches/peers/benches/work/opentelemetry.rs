//! OpenTelemetry's propagators.

use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use crate::work::Propagator;

pub(crate) fn trace_context() -> Propagator {
    Box::new(TextMapCompositePropagator::new(vec![Box::new(TraceContextPropagator::new())]))
}

pub(crate) fn all_three() -> Propagator {
    Box::new(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]))
}
