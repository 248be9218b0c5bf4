//! What the peers' server layers cost around a service that does nothing, on the input of
//! `../../../server.rs`. The id of a bench names the row of the table, its group the column.
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use std::hint::black_box;

use gungraun::prelude::*;

#[path = "../../../http/discarded.rs"]
mod discarded;
#[expect(dead_code, reason = "the wire formats are measured with more of it")]
#[path = "../../../wire/input.rs"]
mod input;
#[path = "work/installed.rs"]
mod installed;
#[path = "../../../http/measured.rs"]
mod measured;
#[expect(dead_code, reason = "this library is measured with more of it")]
#[path = "../../../server/work.rs"]
mod server_work;
#[path = "work/server.rs"]
mod work;

use discarded::unsampled;
use input::{
    SENTRY_TRACE, request_with_all, request_with_other_baggage, request_with_traceparent,
    request_without_trace,
};
use server_work::drive;
use work::{AxumTracing, Contrib, Fastrace, Sentry, TowerOtel, TowerOtelMeasured, UNSAMPLED};
use work::{by_sentry, contrib, contrib_measured, sentry, tower_otel, tower_otel_measured};

#[library_benchmark(setup = contrib)]
#[bench::traceparent(request_with_traceparent())]
#[bench::all_three(request_with_other_baggage())]
#[bench::unsampled(unsampled(request_with_traceparent()))]
#[bench::no_context(request_without_trace())]
fn contrib_spans((service, request): Contrib) {
    drive(black_box(service), request);
}

#[library_benchmark(setup = contrib_measured)]
#[bench::measured(request_with_traceparent())]
#[bench::measured_unsampled(unsampled(request_with_traceparent()))]
fn contrib_metrics((service, request): Contrib) {
    drive(black_box(service), request);
}

#[library_benchmark(setup = tower_otel)]
#[bench::traceparent(request_with_traceparent())]
#[bench::all_three(request_with_other_baggage())]
#[bench::unsampled(unsampled(request_with_traceparent()))]
#[bench::no_context(request_without_trace())]
fn tower_otel_spans((service, request): TowerOtel) {
    drive(black_box(service), request);
}

#[library_benchmark(setup = tower_otel_measured)]
#[bench::measured(request_with_traceparent())]
#[bench::measured_unsampled(unsampled(request_with_traceparent()))]
fn tower_otel_metrics((service, request): TowerOtelMeasured) {
    drive(black_box(service), request);
}

#[library_benchmark(setup = work::axum_tracing)]
#[bench::traceparent(request_with_traceparent())]
#[bench::all_three(request_with_other_baggage())]
#[bench::unsampled(unsampled(request_with_traceparent()))]
#[bench::no_context(request_without_trace())]
fn axum_tracing_spans((service, request): AxumTracing) {
    drive(black_box(service), request);
}

// Its own header; `all_three` has baggage beside it, of which it reads the organization.
#[library_benchmark(setup = sentry)]
#[bench::traceparent(by_sentry(request_with_traceparent(), SENTRY_TRACE))]
#[bench::all_three(request_with_all())]
#[bench::unsampled(by_sentry(request_with_traceparent(), UNSAMPLED))]
#[bench::no_context(request_without_trace())]
fn sentry_spans((service, request): Sentry) {
    drive(black_box(service), request);
}

#[library_benchmark(setup = work::fastrace)]
#[bench::traceparent(request_with_traceparent())]
#[bench::unsampled(unsampled(request_with_traceparent()))]
#[bench::no_context(request_without_trace())]
fn fastrace_spans((service, request): Fastrace) {
    drive(black_box(service), request);
}

library_benchmark_group!(name = server_contrib, benchmarks = [contrib_spans, contrib_metrics]);
library_benchmark_group!(
    name = server_tower_otel,
    benchmarks = [tower_otel_spans, tower_otel_metrics]
);
library_benchmark_group!(name = server_axum_tracing, benchmarks = axum_tracing_spans);
library_benchmark_group!(name = server_sentry, benchmarks = sentry_spans);
library_benchmark_group!(name = server_fastrace, benchmarks = fastrace_spans);

main!(
    library_benchmark_groups = server_contrib,
    server_tower_otel,
    server_axum_tracing,
    server_sentry,
    server_fastrace
);
