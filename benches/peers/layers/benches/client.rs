//! What the peers' clients cost around a service that does nothing, on the input of
//! `../../../client.rs`. The id of a bench names the row of the table, its group the column.
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use std::hint::black_box;

use gungraun::prelude::*;

#[expect(dead_code, reason = "this library is measured with more of it")]
#[path = "../../../client/work.rs"]
mod client_work;
#[path = "../../../http/discarded.rs"]
mod discarded;
#[expect(dead_code, reason = "the wire formats are measured with more of it")]
#[path = "../../../wire/input.rs"]
mod input;
#[expect(dead_code, reason = "servers install more")]
#[path = "work/installed.rs"]
mod installed;
#[path = "../../../http/measured.rs"]
mod measured;
#[path = "work/client.rs"]
mod work;

use client_work::send;
use discarded::unsampled;
use input::{request_with_other_baggage, request_with_traceparent};
use work::{ByHand, Fastrace, TowerOtel, TowerOtelMeasured, by_hand, tower_otel};

#[library_benchmark(setup = by_hand)]
#[bench::three_headers(request_with_other_baggage())]
fn by_hand_injects(input: ByHand<'static>) {
    work::inject(black_box(input));
}

#[library_benchmark(setup = by_hand)]
#[bench::sampled(request_with_traceparent())]
#[bench::all_three(request_with_other_baggage())]
#[bench::unsampled(unsampled(request_with_traceparent()))]
fn by_hand_spans(input: ByHand<'static>) {
    work::traced_by_hand(black_box(input));
}

#[library_benchmark(setup = tower_otel)]
#[bench::sampled(request_with_traceparent())]
#[bench::all_three(request_with_other_baggage())]
#[bench::unsampled(unsampled(request_with_traceparent()))]
fn tower_otel_spans((client, uri): TowerOtel<'static>) {
    send(black_box(client), uri);
}

#[library_benchmark(setup = work::tower_otel_measured)]
#[bench::measured(request_with_traceparent())]
#[bench::measured_unsampled(unsampled(request_with_traceparent()))]
fn tower_otel_metrics(input: TowerOtelMeasured<'static>) {
    work::send_empty(black_box(input));
}

// It opens no span of its own, and sends `traceparent` alone.
#[library_benchmark(setup = work::fastrace)]
#[bench::three_headers(request_with_other_baggage())]
fn fastrace_injects((client, uri): Fastrace<'static>) {
    send(black_box(client), uri);
}

library_benchmark_group!(name = client_by_hand, benchmarks = [by_hand_injects, by_hand_spans]);
library_benchmark_group!(
    name = client_tower_otel,
    benchmarks = [tower_otel_spans, tower_otel_metrics]
);
library_benchmark_group!(name = client_fastrace, benchmarks = fastrace_injects);

main!(library_benchmark_groups = client_by_hand, client_tower_otel, client_fastrace);
