//! The work of a propagator of OpenTelemetry: its own ones, and Datadog's, which comes with another
//! version of it. The crate that includes this has a module `peer` with the propagators.

use std::hint::black_box;

use http::{HeaderMap, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};

use crate::{input, peer};

pub(crate) type Propagator = Box<dyn TextMapPropagator + Send + Sync>;
pub(crate) type Received = (&'static dyn TextMapPropagator, &'static HeaderMap);
pub(crate) type Sent = (&'static dyn TextMapPropagator, &'static Context, &'static mut HeaderMap);

pub(crate) fn extract((propagator, headers): Received) {
    let base = Context::new();
    black_box(propagator.extract_with_context(&base, &HeaderExtractor(black_box(headers))));
}

pub(crate) fn inject((propagator, context, headers): Sent) {
    propagator.inject_context(black_box(context), &mut HeaderInjector(black_box(headers)));
}

pub(crate) fn inject_into_new((propagator, context, _): Sent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    propagator.inject_context(black_box(context), &mut HeaderInjector(&mut headers));
    headers
}

// Setup leaks what it makes, so that no bench counts its drop, and does the work once.

pub(crate) fn trace_context(headers: fn() -> HeaderMap) -> Received {
    warm(peer::trace_context(), headers())
}

pub(crate) fn all_three(headers: fn() -> HeaderMap) -> Received {
    warm(peer::all_three(), headers())
}

pub(crate) fn sent(headers: fn() -> HeaderMap, receive: fn(fn() -> HeaderMap) -> Received) -> Sent {
    let (propagator, headers) = receive(headers);
    let context = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let mut room = input::request_with_all();
    room.clear();
    (propagator, Box::leak(Box::new(context)), Box::leak(Box::new(room)))
}

pub(crate) fn refused() -> HeaderMap {
    let mut headers = input::request_with_traceparent();
    headers.insert("traceparent", HeaderValue::from_static(input::BAD_TRACEPARENT));
    headers
}

fn warm(propagator: Propagator, headers: HeaderMap) -> Received {
    for _ in 0..2 {
        let context = propagator.extract_with_context(&Context::new(), &HeaderExtractor(&headers));
        let mut sent = HeaderMap::new();
        propagator.inject_context(&context, &mut HeaderInjector(&mut sent));
        black_box(sent);
    }
    (Box::leak(propagator), Box::leak(Box::new(headers)))
}
