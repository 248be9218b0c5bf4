//! What the peers' documentation says to install, once per process, with nobody to export to.

use std::sync::{LazyLock, Once};

use opentelemetry::global;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use peers_layers::{fastrace_tower, sentry_tower, tracing_spans};
use sentry_core::{Envelope, HubSwitchGuard, Transport};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::discarded::tracer_provider;
use crate::measured;

/// Propagators and providers, of which the one for metrics is returned.
pub(crate) fn opentelemetry() -> &'static SdkMeterProvider {
    static METERS: LazyLock<SdkMeterProvider> = LazyLock::new(|| {
        let meters = measured::meter_provider();
        peers_layers::install_propagators();
        global::set_tracer_provider(tracer_provider());
        global::set_meter_provider(meters.clone());
        meters
    });
    &METERS
}

/// The same, and a global subscriber that makes spans of `tracing`'s.
pub(crate) fn tracing() -> &'static SdkMeterProvider {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| tracing_spans::subscriber(&tracer_provider()).init());
    opentelemetry()
}

/// A hub on this thread.
pub(crate) fn sentry() {
    let _: &'static HubSwitchGuard =
        Box::leak(Box::new(HubSwitchGuard::new(sentry_tower::hub(ToNobody))));
}

pub(crate) fn fastrace() {
    static REPORTER: Once = Once::new();
    REPORTER.call_once(fastrace_tower::report_to_nobody);
}

struct ToNobody;

impl Transport for ToNobody {
    fn send_envelope(&self, envelope: Envelope) {
        drop(envelope);
    }
}
