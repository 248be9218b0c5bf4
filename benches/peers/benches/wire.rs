//! What the same work costs elsewhere, on the input of `benches/wire.rs`.

use std::hint::black_box;

use gungraun::prelude::*;
use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

#[path = "../../wire/input.rs"]
mod input;

// OpenTelemetry

type Received = (&'static TextMapCompositePropagator, &'static HeaderMap);
type Sent = (&'static TextMapCompositePropagator, &'static Context, &'static mut HeaderMap);

#[library_benchmark]
#[bench::parse_or_extract_traceparent(args = (input::request_with_traceparent,), setup = trace_context)]
#[bench::refuse(args = (refused,), setup = trace_context)]
#[bench::all_three(args = (input::request_with_w3c,), setup = all_three)]
#[bench::nothing(args = (input::request_without_trace,), setup = all_three)]
#[bench::baggage_of_64_plain(args = (|| input::baggage_of_64(false),), setup = all_three)]
#[bench::baggage_of_64_encoded(args = (|| input::baggage_of_64(true),), setup = all_three)]
#[bench::tracestate_of_32(args = (input::tracestate_of_32,), setup = trace_context)]
fn opentelemetry_extract((propagator, headers): Received) {
    let base = Context::new();
    black_box(propagator.extract_with_context(&base, &HeaderExtractor(black_box(headers))));
}

#[library_benchmark]
#[bench::traceparent(args = (input::request_with_traceparent, trace_context), setup = sent)]
#[bench::all_three(args = (input::request_with_other_baggage, all_three), setup = sent)]
fn opentelemetry_inject((propagator, context, headers): Sent) {
    propagator.inject_context(black_box(context), &mut HeaderInjector(black_box(headers)));
}

#[library_benchmark]
#[bench::all_three(args = (input::request_with_other_baggage, all_three), setup = sent)]
fn opentelemetry_inject_into_new((propagator, context, _): Sent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    propagator.inject_context(black_box(context), &mut HeaderInjector(&mut headers));
    headers
}

fn trace_context(headers: fn() -> HeaderMap) -> Received {
    warm(vec![Box::new(TraceContextPropagator::new())], headers())
}

fn all_three(headers: fn() -> HeaderMap) -> Received {
    warm(
        vec![Box::new(TraceContextPropagator::new()), Box::new(BaggagePropagator::new())],
        headers(),
    )
}

fn sent(headers: fn() -> HeaderMap, receive: fn(fn() -> HeaderMap) -> Received) -> Sent {
    let (propagator, headers) = receive(headers);
    let context = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let mut room = input::request_with_all();
    room.clear();
    (propagator, leak(context), Box::leak(Box::new(room)))
}

fn refused() -> HeaderMap {
    let mut headers = input::request_with_traceparent();
    headers.insert("traceparent", HeaderValue::from_static(input::BAD_TRACEPARENT));
    headers
}

fn warm(
    propagators: Vec<Box<dyn TextMapPropagator + Send + Sync>>,
    headers: HeaderMap,
) -> Received {
    let propagator = TextMapCompositePropagator::new(propagators);
    for _ in 0..2 {
        let context = propagator.extract_with_context(&Context::new(), &HeaderExtractor(&headers));
        let mut sent = HeaderMap::new();
        propagator.inject_context(&context, &mut HeaderInjector(&mut sent));
        black_box(sent);
    }
    (leak(propagator), leak(headers))
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

// Sentry

#[library_benchmark]
#[bench::valid(input::SENTRY_TRACE)]
#[bench::refused("0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-1")]
fn sentry_parse(text: &'static str) {
    black_box(sentry_core::parse_headers([("sentry-trace", black_box(text))]));
}

#[library_benchmark]
#[bench::sentry_trace_and_organization(leak(input::request_with_all()))]
fn sentry_extract(headers: &'static HeaderMap) {
    let pairs = black_box(headers)
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    black_box(sentry_core::TransactionContext::continue_from_headers("name", "op", pairs));
}

// fastrace

#[library_benchmark]
#[bench::valid(input::TRACEPARENT)]
#[bench::refused(input::BAD_TRACEPARENT)]
fn fastrace_parse(text: &'static str) {
    black_box(fastrace::prelude::SpanContext::decode_w3c_traceparent(black_box(text)));
}

#[library_benchmark]
#[bench::traceparent(leak(input::request_with_traceparent()))]
fn fastrace_extract(headers: &'static HeaderMap) {
    let value = black_box(headers).get("traceparent").and_then(|value| value.to_str().ok());
    black_box(value.and_then(fastrace::prelude::SpanContext::decode_w3c_traceparent));
}

#[library_benchmark]
#[bench::traceparent(fastrace::prelude::SpanContext::random())]
fn fastrace_format_traceparent(context: fastrace::prelude::SpanContext) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(black_box(context).encode_w3c_traceparent()))
        .expect("digits and dashes")
}

library_benchmark_group!(
    name = wire,
    benchmarks = [
        opentelemetry_extract,
        opentelemetry_inject,
        opentelemetry_inject_into_new,
        sentry_parse,
        sentry_extract,
        fastrace_parse,
        fastrace_extract,
        fastrace_format_traceparent,
    ]
);

main!(library_benchmark_groups = wire);
