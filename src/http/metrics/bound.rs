use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, BoundUpDownCounter};

use super::instruments::{Instruments, ServerInstruments};
use super::{Measured, Series};

/// The instruments of one set of attributes, which the SDK looks up once: it costs a twentieth per
/// measurement then. Each is bound when it is first used, since binding opens a series.
#[derive(Default)]
pub(super) struct Bound {
    duration: OnceLock<BoundHistogram<f64>>,
    active_requests: OnceLock<BoundUpDownCounter<i64>>,
    request_body_size: OnceLock<BoundHistogram<u64>>,
    response_body_size: OnceLock<BoundHistogram<u64>>,
}

impl Bound {
    pub(super) fn add_active(
        &self,
        server: &ServerInstruments,
        change: i64,
        attributes: &[KeyValue],
    ) {
        self.active_requests.get_or_init(|| server.active_requests.bind(attributes)).add(change);
    }

    pub(super) fn record(&self, instruments: &Instruments, measured: Measured, series: &Series) {
        let (of_call, attributes) = (series.call.is_some(), &series.attributes);
        let duration = self.duration.get_or_init(|| instruments.duration(of_call).bind(attributes));
        duration.record(measured.elapsed.as_secs_f64());
        let Some(server) = instruments.server.as_ref().filter(|_| !of_call) else { return };
        for (cell, histogram, bytes) in [
            (&self.request_body_size, &server.request_body_size, measured.request_bytes),
            (&self.response_body_size, &server.response_body_size, measured.response_bytes),
        ] {
            if let Some(bytes) = bytes {
                cell.get_or_init(|| histogram.bind(attributes)).record(bytes);
            }
        }
    }
}
