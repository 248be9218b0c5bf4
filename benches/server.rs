//! Instructions that the server layer costs around a service that does nothing, each with a budget:
//! over it, the bench fails.
#![expect(missing_docs, reason = "the macros of the harness make public items")]
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use std::hint::black_box;
use std::time::Duration;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use http::{HeaderMap, Request};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use throughline::http::{ServerLayer, ServerService};
use tower::Layer;

#[expect(clippy::expect_used, reason = "the input is our own")]
#[expect(dead_code, reason = "the wire formats are measured with more of it")]
#[path = "wire/input.rs"]
mod input;
#[path = "server/work.rs"]
mod work;

use work::{Bare, drive, request, spans, unsampled};

/// Instructions above which a bench fails.
fn budget(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

#[library_benchmark(config = budget(1_500))]
#[bench::request(setup = bare)]
fn bare_service((service, request): (&'static mut Bare, Request<()>)) {
    drive(black_box(service), request);
}

#[library_benchmark]
#[bench::traceparent(args = (input::request_with_traceparent(), spans()), setup = around, config = budget(14_000))]
#[bench::all_with_state_mirrored(args = (input::request_with_other_baggage(), spans()), setup = around, config = budget(26_000))]
#[bench::all_without_mirror(args = (input::request_with_other_baggage(), spans().mirror_trace_state(false)), setup = around, config = budget(18_000))]
#[bench::unsampled(args = (unsampled(input::request_with_traceparent()), spans()), setup = around, config = budget(10_000))]
#[bench::no_context(args = (input::request_without_trace(), spans()), setup = around, config = budget(9_000))]
fn full_span((service, request): Input) {
    drive(black_box(service), request);
}

#[library_benchmark]
#[bench::sampled(args = (input::request_with_traceparent(), measured()), setup = around, config = budget(15_000))]
#[bench::unsampled(args = (unsampled(input::request_with_traceparent()), measured()), setup = around, config = budget(11_000))]
#[bench::unbound(args = (input::request_with_traceparent(), measured_by_any()), setup = around, config = budget(30_000))]
fn with_metrics((service, request): Input) {
    drive(black_box(service), request);
}

#[library_benchmark]
#[bench::all_formats(args = (input::request_with_all(), ServerLayer::propagate_only()), setup = around, config = budget(9_500))]
#[bench::nothing(args = (input::request_without_trace(), ServerLayer::propagate_only()), setup = around, config = budget(2_800))]
fn propagate_only((service, request): Input) {
    drive(black_box(service), request);
}

library_benchmark_group!(
    name = server,
    benchmarks = [bare_service, full_span, with_metrics, propagate_only]
);

main!(library_benchmark_groups = server);

// Setup leaks the service, so that no bench counts its drop, and does the work before: what is done
// once per process, or once per set of attributes, is not counted.

type Input = (&'static mut ServerService<Bare>, Request<()>);

fn bare() -> (&'static mut Bare, Request<()>) {
    (Box::leak(Box::new(Bare)), request(input::request_with_traceparent()))
}

fn around(headers: HeaderMap, layer: ServerLayer) -> Input {
    let service = Box::leak(Box::new(layer.layer(Bare)));
    for _ in 0..3 {
        drive(service, request(headers.clone()));
    }
    (service, request(headers))
}

/// The SDK's own instruments, bound to their attributes.
fn measured() -> ServerLayer {
    spans().sdk_meter_provider(&with_reader())
}

/// Those of any provider.
fn measured_by_any() -> ServerLayer {
    spans().meter_provider(with_reader())
}

/// Without a reader, nothing would be measured.
fn with_reader() -> SdkMeterProvider {
    let reader = PeriodicReader::builder(Nobody).with_interval(Duration::from_secs(3600)).build();
    SdkMeterProvider::builder().with_reader(reader).build()
}

struct Nobody;

impl PushMetricExporter for Nobody {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
