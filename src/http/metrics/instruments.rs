use opentelemetry::metrics::{Histogram, Meter, UpDownCounter};

use crate::http::side::Side;

/// The instruments of one layer.
pub(super) struct Instruments {
    duration: Histogram<f64>,
    /// Calls of gRPC, which are not counted among the others: their statuses are no statuses of HTTP.
    call_duration: Histogram<f64>,
    pub(super) server: Option<ServerInstruments>,
}

pub(super) struct ServerInstruments {
    pub(super) active_requests: UpDownCounter<i64>,
    pub(super) request_body_size: Histogram<u64>,
    pub(super) response_body_size: Histogram<u64>,
}

impl Instruments {
    pub(super) fn of(side: Side, meter: &Meter) -> Self {
        let (http, rpc) = match side {
            Side::Client => (
                ("http.client.request.duration", "Duration of HTTP client requests"),
                ("rpc.client.call.duration", "Duration of outgoing calls of gRPC"),
            ),
            Side::Server => (
                ("http.server.request.duration", "Duration of HTTP server requests"),
                ("rpc.server.call.duration", "Duration of incoming calls of gRPC"),
            ),
        };
        let duration = |(name, description)| {
            meter
                .f64_histogram(name)
                .with_description(description)
                .with_unit("s")
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build()
        };
        Self {
            duration: duration(http),
            call_duration: duration(rpc),
            server: (side == Side::Server).then(|| ServerInstruments::of(meter)),
        }
    }

    pub(super) fn duration(&self, of_call: bool) -> &Histogram<f64> {
        if of_call { &self.call_duration } else { &self.duration }
    }
}

impl ServerInstruments {
    fn of(meter: &Meter) -> Self {
        let size = |name, description| {
            meter.u64_histogram(name).with_description(description).with_unit("By").build()
        };
        Self {
            active_requests: meter
                .i64_up_down_counter("http.server.active_requests")
                .with_description("Number of active HTTP server requests")
                .with_unit("{request}")
                .build(),
            request_body_size: size(
                "http.server.request.body.size",
                "Size of HTTP server request bodies, as announced",
            ),
            response_body_size: size(
                "http.server.response.body.size",
                "Size of HTTP server response bodies, as handed over",
            ),
        }
    }
}

/// Upper bounds of the buckets in seconds, as the conventions want them.
const DURATION_BOUNDARIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
