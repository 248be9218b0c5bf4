//! How often a task and a message allocate beside what tokio does for them.

use allocation_counter::measure;
use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use throughline::otel::verbs::continue_trace;
use throughline::task::{self, channel};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::{allocates, input, w3c};

/// The context of a handler whose request had these headers, with a span that is recorded, or one that
/// no sampler wants.
fn handler(sampler: Sampler, headers: &HeaderMap) -> Context {
    let tracer = SdkTracerProvider::builder().with_sampler(sampler).build().tracer("test");
    let caller = continue_trace(&w3c(), headers);
    caller.with_span(tracer.start_with_context("GET", &caller))
}

/// Allocations of the second task of a runtime.
fn spawning(spawn: impl Fn() -> tokio::task::JoinHandle<u8>) -> u64 {
    let runtime = Builder::new_current_thread().build().unwrap();
    let once = || assert_eq!(runtime.block_on(async { spawn().await.unwrap() }), 7);
    once();
    measure(once).count_total
}

#[test]
fn a_task_allocates_once_more_than_tokios_below_a_recorded_span_and_not_otherwise() {
    let plain = spawning(|| tokio::spawn(async { 7 }));
    let ours = || spawning(|| task::spawn(async { 7 }));
    assert_eq!(ours(), plain, "there is nothing to carry");
    let in_handler = |sampler, headers| {
        let _current = handler(sampler, &headers).attach();
        ours()
    };
    assert_eq!(in_handler(Sampler::AlwaysOff, input::request_with_all()), plain);
    assert_eq!(in_handler(Sampler::AlwaysOn, input::request_with_traceparent()), plain + 1);
    // OpenTelemetry clones a mirrored tracestate of three.
    assert_eq!(in_handler(Sampler::AlwaysOn, input::request_with_all()), plain + 1 + 7);
}

#[test]
fn a_message_allocates_once_below_a_recorded_span_and_not_otherwise() {
    // A channel makes room for 32 messages at once; neither of both needs more here.
    let (plain, mut received) = mpsc::channel(8);
    allocates(0, || {
        plain.try_send(7).unwrap();
        assert_eq!(received.try_recv().unwrap(), 7);
    });
    let (sender, mut received) = channel::mpsc(8);
    let mut once = || {
        sender.try_send(7).unwrap();
        assert_eq!(received.try_recv().unwrap().into_inner(), 7);
    };
    allocates(0, &mut once);
    let mut in_handler = |budget, sampler, headers| {
        let _current = handler(sampler, &headers).attach();
        allocates(budget, &mut once);
    };
    in_handler(0, Sampler::AlwaysOff, input::request_with_all());
    in_handler(1, Sampler::AlwaysOn, input::request_with_traceparent());
    in_handler(1 + 7, Sampler::AlwaysOn, input::request_with_all());
}
