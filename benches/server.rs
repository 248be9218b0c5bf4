//! Instructions that the server layer costs around a service that does nothing, each with a budget:
//! over it, the bench fails.
#![expect(missing_docs, reason = "the macros of the harness make public items")]
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use std::hint::black_box;
use std::net::SocketAddr;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use http::{HeaderMap, Request};
use throughline::http::{PeerAddress, ServerLayer, ServerService};
use tower::Layer;

#[path = "http/discarded.rs"]
mod discarded;
#[expect(clippy::expect_used, reason = "the input is our own")]
#[expect(dead_code, reason = "the wire formats are measured with more of it")]
#[path = "wire/input.rs"]
mod input;
#[path = "http/measured.rs"]
mod measured;
#[path = "server/work.rs"]
mod work;

use discarded::unsampled;
use measured::meter_provider;
use work::{Bare, drive, request, spans};

/// Instructions above which a bench fails.
fn budget(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

// The request is made beforehand and dropped here. The goals include making it: 2,414 instructions
// and two allocations for the bare service. Peers are measured by `benches/peers/layers`.
#[library_benchmark]
#[bench::traceparent(args = (input::request_with_traceparent()), setup = bare)]
#[bench::all_with_state(args = (input::request_with_other_baggage()), setup = bare)]
#[bench::all_formats(args = (input::request_with_all()), setup = bare)]
#[bench::nothing(args = (input::request_without_trace()), setup = bare)]
fn bare_service((service, request): (&'static mut Bare, Request<()>)) {
    drive(black_box(service), request);
}

// With traceparent, all three, unsampled and without a context:
// opentelemetry-instrumentation-tower 14,705, 81,094, 13,975 and 11,055;
// axum-tracing-opentelemetry 28,977, 96,524, 28,107 and 25,335;
// tower-otel 45,489, 119,430, 44,087 and 39,552.
// Goals: 14,000 and 13 allocations sampled, 26,000 and 45 with the state mirrored, 10,000 and 8
// unsampled, 9,000 and 12 without a context.
#[library_benchmark]
#[bench::traceparent(args = (input::request_with_traceparent(), spans()), setup = around, config = budget(10_050))]
#[bench::from_a_peer(args = (input::request_with_traceparent(), spans()), setup = around_from_a_peer, config = budget(10_450))]
#[bench::all_with_state_mirrored(args = (input::request_with_other_baggage(), spans()), setup = around, config = budget(22_500))]
#[bench::all_without_mirror(args = (input::request_with_other_baggage(), spans().mirror_trace_state(false)), setup = around, config = budget(13_500))]
#[bench::unsampled(args = (unsampled(input::request_with_traceparent()), spans()), setup = around, config = budget(6_820))]
#[bench::no_context(args = (input::request_without_trace(), spans()), setup = around, config = budget(9_000))]
fn full_span((service, request): Input) {
    drive(black_box(service), request);
}

// opentelemetry-instrumentation-tower 24,067 and 23,337 unsampled. Goals: 15,000 and 11,000.
#[library_benchmark]
#[bench::sampled(args = (input::request_with_traceparent(), measured()), setup = around, config = budget(12_750))]
#[bench::unsampled(args = (unsampled(input::request_with_traceparent()), measured()), setup = around, config = budget(9_880))]
#[bench::unbound(args = (input::request_with_traceparent(), measured_by_any()), setup = around, config = budget(21_900))]
fn with_metrics((service, request): Input) {
    drive(black_box(service), request);
}

// No peer carries all formats without a span. Goals: 9,500 and 8 allocations, 2,800 and 3.
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

fn bare(headers: HeaderMap) -> (&'static mut Bare, Request<()>) {
    (Box::leak(Box::new(Bare)), request(headers))
}

fn around(headers: HeaderMap, layer: ServerLayer) -> Input {
    warmed(headers, layer, request)
}

/// As behind a server that says who calls.
fn around_from_a_peer(headers: HeaderMap, layer: ServerLayer) -> Input {
    let peer = PeerAddress(SocketAddr::from(([192, 0, 2, 7], 54321)));
    warmed(headers, layer, |headers| {
        let mut request = request(headers);
        request.extensions_mut().insert(peer);
        request
    })
}

fn warmed(
    headers: HeaderMap,
    layer: ServerLayer,
    request: impl Fn(HeaderMap) -> Request<()>,
) -> Input {
    let service = Box::leak(Box::new(layer.layer(Bare)));
    for _ in 0..3 {
        drive(service, request(headers.clone()));
    }
    (service, request(headers))
}

/// The SDK's own instruments, bound to their attributes.
fn measured() -> ServerLayer {
    spans().sdk_meter_provider(&meter_provider())
}

/// Those of any provider.
fn measured_by_any() -> ServerLayer {
    spans().meter_provider(meter_provider())
}
