use std::fmt;
use std::sync::OnceLock;

use opentelemetry::global;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::otel::scope;

/// Where messages are measured: with a meter, or with the global one as it is when the first message
/// comes.
pub(super) struct Metrics {
    meter: Option<Meter>,
    instruments: OnceLock<Instruments>,
}

impl Metrics {
    pub(super) fn global() -> Self {
        Self { meter: None, instruments: OnceLock::new() }
    }

    pub(super) fn of(meter: Meter) -> Self {
        Self { meter: Some(meter), instruments: OnceLock::new() }
    }

    pub(super) fn instruments(&self) -> &Instruments {
        self.instruments.get_or_init(|| Instruments::of(&self.meter()))
    }

    /// What other instruments come from.
    pub(super) fn meter(&self) -> Meter {
        self.meter.clone().unwrap_or_else(|| global::meter_with_scope(scope()))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("global", &self.meter.is_none()).finish_non_exhaustive()
    }
}

pub(super) struct Instruments {
    pub(super) sent_messages: Counter<u64>,
    pub(super) consumed_messages: Counter<u64>,
    pub(super) operation_duration: Histogram<f64>,
    pub(super) process_duration: Histogram<f64>,
}

impl Instruments {
    fn of(meter: &Meter) -> Self {
        let counter = |name, description| {
            meter.u64_counter(name).with_description(description).with_unit("{message}").build()
        };
        let duration = |name, description| {
            meter
                .f64_histogram(name)
                .with_description(description)
                .with_unit("s")
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build()
        };
        Self {
            sent_messages: counter(
                "messaging.client.sent.messages",
                "Number of messages that were sent or failed to be",
            ),
            consumed_messages: counter(
                "messaging.client.consumed.messages",
                "Number of messages that were delivered",
            ),
            operation_duration: duration(
                "messaging.client.operation.duration",
                "Duration of sending messages",
            ),
            process_duration: duration(
                "messaging.process.duration",
                "Duration of processing messages",
            ),
        }
    }
}

/// Upper bounds of the buckets in seconds, as the conventions want them.
const DURATION_BOUNDARIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
