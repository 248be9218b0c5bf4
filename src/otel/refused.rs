use std::sync::OnceLock;

use opentelemetry::metrics::{Counter, Meter};
use opentelemetry::{KeyValue, global};

use super::scope;
use crate::propagation::ParseError;

/// Counts what was received and broke its format, as `throughline.propagation.refused` with the
/// attributes `format` and `rule`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    /// Made when something is refused for the first time, which for most services is never.
    counter: OnceLock<Counter<u64>>,
}

impl Refused {
    /// Counts with the global meter provider, as it is at the first refusal.
    pub(crate) fn global() -> Self {
        Self::default()
    }

    /// Counts with this meter.
    pub(crate) fn of(meter: &Meter) -> Self {
        Self { counter: OnceLock::from(counter(meter)) }
    }

    pub(crate) fn count(&self, refused: &[ParseError]) {
        if refused.is_empty() {
            return;
        }
        let counter = self.counter.get_or_init(|| counter(&global::meter_with_scope(scope())));
        for error in refused {
            let format = KeyValue::new("format", error.field().as_str());
            counter.add(1, &[format, KeyValue::new("rule", error.rule().id())]);
        }
    }
}

/// Stands among the extensions of a request of whose headers something was refused, and counted.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountedHeaders;

fn counter(meter: &Meter) -> Counter<u64> {
    meter
        .u64_counter("throughline.propagation.refused")
        .with_description("Received trace fields, or members of them, that broke their format")
        .with_unit("{field}")
        .build()
}
