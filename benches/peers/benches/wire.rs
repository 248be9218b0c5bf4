//! What the same work costs elsewhere, on the input of `../../wire.rs`. The id of a bench names the
//! row of the table, its group the column.
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use fastrace::prelude::SpanContext;
use gungraun::prelude::*;
use http::{HeaderMap, HeaderValue};

#[path = "work/fastrace.rs"]
mod fastrace_work;
#[path = "../../wire/input.rs"]
mod input;
#[path = "work/opentelemetry.rs"]
mod peer;
#[path = "work/sentry.rs"]
mod sentry_work;
#[path = "wire/text_map.rs"]
mod text_map_benches;
#[path = "work/text_map.rs"]
mod work;

use text_map_benches::text_map;

#[library_benchmark]
#[bench::parse(input::SENTRY_TRACE)]
#[bench::refuse(sentry_work::REFUSED)]
fn sentry_parse(text: &'static str) {
    sentry_work::parse(text);
}

#[library_benchmark]
#[bench::extract_traceparent(leak(input::request_with_all()))]
fn sentry_extract(headers: &'static HeaderMap) {
    sentry_work::extract(headers);
}

#[library_benchmark]
#[bench::parse(input::TRACEPARENT)]
fn fastrace_parse(text: &'static str) {
    fastrace_work::parse(text);
}

#[library_benchmark]
#[bench::extract_traceparent(leak(input::request_with_traceparent()))]
fn fastrace_extract(headers: &'static HeaderMap) {
    fastrace_work::extract(headers);
}

#[library_benchmark]
#[bench::extract_tracestate(leak(input::tracestate_of_32()))]
fn fastrace_extract_both(headers: &'static HeaderMap) {
    fastrace_work::extract_both(headers);
}

#[library_benchmark]
#[bench::inject_traceparent(SpanContext::random())]
fn fastrace_format(context: SpanContext) -> HeaderValue {
    fastrace_work::format(context)
}

library_benchmark_group!(name = sentry_trace, benchmarks = [sentry_parse, sentry_extract]);
library_benchmark_group!(
    name = fastrace_text,
    benchmarks = [fastrace_parse, fastrace_extract, fastrace_extract_both, fastrace_format]
);

main!(library_benchmark_groups = text_map, sentry_trace, fastrace_text);

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
