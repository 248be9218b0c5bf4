//! What a layer is run on.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opentelemetry::global;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, ShouldSample};

use crate::log::Log;
use crate::recorder::{ActiveRequests, Recorder, ShowsAll};

/// What a layer is run on: a log, and providers that write into it, which are the global ones as long
/// as the bed exists. There is one bed at a time; a second one waits.
pub struct Bed {
    log: Log,
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    active: ActiveRequests,
    _only_one: MutexGuard<'static, ()>,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let active = ActiveRequests::default();
        // It is asked to export; by itself it would do so after an hour.
        let reader = PeriodicReader::builder(active.clone())
            .with_interval(Duration::from_secs(3600))
            .build();
        let meters = SdkMeterProvider::builder().with_reader(reader).build();
        Self::with(Log::new(true), ShowsAll, meters, active)
    }

    /// Spans are dropped where they would be exported, and nothing is measured: what is counted is the
    /// layer's.
    pub(crate) fn counting() -> Self {
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        Self::with(Log::new(false), sampler, SdkMeterProvider::default(), ActiveRequests::default())
    }

    fn with(
        log: Log,
        sampler: impl ShouldSample + 'static,
        meters: SdkMeterProvider,
        active: ActiveRequests,
    ) -> Self {
        let tracers = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_span_processor(Recorder(log.clone()))
            .build();
        let only_one = ONLY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_tracer_provider(tracers.clone());
        global::set_meter_provider(meters.clone());
        Self { log, tracers, meters, active, _only_one: only_one }
    }

    /// Where ended spans go; those of OpenTelemetry come here by themselves.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The global tracer provider, for layers that take one.
    #[must_use]
    pub fn tracer_provider(&self) -> SdkTracerProvider {
        self.tracers.clone()
    }

    /// The global meter provider, for layers that take one.
    #[must_use]
    pub fn meter_provider(&self) -> SdkMeterProvider {
        self.meters.clone()
    }

    /// Requests that are counted as running; none if the layer does not count.
    pub(crate) fn active_requests(&self) -> Option<i64> {
        // It fails where there is no reader, and then nothing is counted.
        self.meters.force_flush().ok()?;
        self.active.sum()
    }
}

impl fmt::Debug for Bed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bed").field("log", &self.log).finish_non_exhaustive()
    }
}

/// OpenTelemetry's global providers are one per process, and some layers take no others.
static ONLY_ONE: Mutex<()> = Mutex::new(());
