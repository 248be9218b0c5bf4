//! Instructions of a request through the client layer, with the request and a service that does
//! nothing included; each with a budget: over it, the bench fails.
//!
//! The figures of others beside the budgets come from `benches/peers/layers`, on the same input.
//! What a budget covers is in `benches/README.md`.
#![expect(missing_docs, reason = "the macros of the harness make public items")]
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use std::convert::Infallible;
use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};
use http::{HeaderMap, Request, Response, Uri};
use opentelemetry::ContextGuard;
use throughline::http::{ClientLayer, ClientService};
use tower::{Layer, Service};

#[path = "http/discarded.rs"]
mod discarded;
#[expect(
    clippy::expect_used,
    dead_code,
    reason = "the input is our own, and more than is used here"
)]
#[path = "wire/input.rs"]
mod input;
#[path = "http/measured.rs"]
mod measured;
#[path = "client/work.rs"]
mod work;

use discarded::unsampled;
use measured::meter_provider;
use work::{Bare, inside, send, spans, w3c};

/// Instructions above which a bench fails.
fn budget(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

// The goals were set for a request that costs 1,664 by itself.
#[library_benchmark(config = budget(1_550))]
#[bench::request(setup = bare)]
fn bare_client((client, uri): (&'static mut Bare, &'static Uri)) {
    send(black_box(client), uri);
}

// OpenTelemetry by hand 26,364; fastrace, with `traceparent` alone, 5,626. The goal of 4,500 was set
// for three headers.
#[library_benchmark(setup = around)]
#[bench::three_headers(args = (input::request_with_other_baggage(), ClientLayer::propagate_only().propagation(w3c())), config = budget(4_500))]
#[bench::all_formats(args = (input::request_with_all(), ClientLayer::propagate_only()), config = budget(5_100))]
#[bench::nothing(args = (input::request_without_trace(), ClientLayer::propagate_only()), config = budget(3_250))]
fn propagate_only((client, uri): Input) {
    send(black_box(client), uri);
}

// OpenTelemetry by hand 13,864, with the state 41,625; tower-otel 34,920 and 67,657. The goal of
// 11,000 is for a span that mirrors no tracestate: OpenTelemetry clones its list of strings into each
// span.
#[library_benchmark(setup = around)]
#[bench::sampled(args = (input::request_with_traceparent(), spans()), config = budget(8_850))]
#[bench::tracestate_mirrored(args = (input::request_with_all(), spans()), config = budget(15_800))]
#[bench::unsampled(args = (unsampled(input::request_with_traceparent()), spans()), config = budget(6_500))]
fn full_span((client, uri): Input) {
    send(black_box(client), uri);
}

// With instruments that are bound; tower-otel, without that, 52,875 and 51,422.
#[library_benchmark(setup = around)]
#[bench::sampled(args = (input::request_with_traceparent(), measured()), config = budget(10_450))]
#[bench::unsampled(args = (unsampled(input::request_with_traceparent()), measured()), config = budget(8_100))]
fn with_metrics((client, uri): Input) {
    send(black_box(client), uri);
}

library_benchmark_group!(
    name = client,
    benchmarks = [bare_client, propagate_only, full_span, with_metrics]
);

main!(library_benchmark_groups = client);

// Setup leaks what it makes and what is current, so that no bench counts its drop, and does the work
// before: what is done once per process is not counted.

type Input = (&'static mut ClientService<Bare>, &'static Uri);

fn bare() -> (&'static mut Bare, &'static Uri) {
    warm(Bare)
}

fn around(headers: HeaderMap, layer: ClientLayer) -> Input {
    let _: &'static ContextGuard = Box::leak(Box::new(inside(&headers).attach()));
    warm(layer.layer(Bare))
}

fn warm<S, B>(client: S) -> (&'static mut S, &'static Uri)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let (client, uri) = (Box::leak(Box::new(client)), Box::leak(Box::new(work::uri())));
    for _ in 0..3 {
        send(client, uri);
    }
    (client, uri)
}

/// The SDK's own instruments, bound to their attributes.
fn measured() -> ClientLayer {
    spans().sdk_meter_provider(&meter_provider())
}
