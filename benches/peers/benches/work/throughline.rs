//! The work of `../../../wire.rs`, for its allocations.

use std::hint::black_box;

use http::HeaderMap;
use throughline::context::{TraceContext, TraceParent};
use throughline::propagation::{Format, Propagator};

use crate::input;

type Received = &'static (Propagator, HeaderMap);
type Sent = (&'static (Propagator, TraceContext), HeaderMap);
type PassedOn = (Received, HeaderMap);

pub(crate) fn parse(text: &'static str) {
    let _ = black_box(black_box(text).parse::<TraceParent>());
}

pub(crate) fn extract((propagator, headers): Received) {
    black_box(propagator.extract(black_box(headers)));
}

pub(crate) fn inject(((propagator, context), headers): &mut Sent) {
    propagator.inject(black_box(context), black_box(headers));
}

pub(crate) fn inject_into_new(((propagator, context), _): &mut Sent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    propagator.inject(black_box(context), &mut headers);
    headers
}

pub(crate) fn pass_on(((propagator, received), headers): &mut PassedOn) {
    let found = propagator.extract(black_box(received));
    propagator.inject(&found.context, black_box(headers));
    black_box(found);
}

/// `traceparent`, `tracestate` and baggage, as the peers have them.
pub(crate) fn received(headers: fn() -> HeaderMap) -> Received {
    let formats = [Format::TraceContext, Format::Baggage];
    warm(Propagator::default().accept(formats).emit(formats).forward_baggage(true), headers())
}

pub(crate) fn received_by_default(headers: fn() -> HeaderMap) -> Received {
    warm(Propagator::default(), headers())
}

/// Values that are slices of one buffer, as those of hyper are, allocate when they are first shared.
fn warm(propagator: Propagator, headers: HeaderMap) -> Received {
    drop(propagator.extract(&headers));
    Box::leak(Box::new((propagator, headers)))
}

pub(crate) fn sent(headers: fn() -> HeaderMap) -> Sent {
    let (propagator, headers) = received(headers);
    let context = propagator.extract(headers).context;
    (Box::leak(Box::new((propagator.clone(), context))), with_room())
}

pub(crate) fn passed_on() -> PassedOn {
    (received_by_default(input::request_with_all), with_room())
}

/// An empty map that has held a request already.
fn with_room() -> HeaderMap {
    let mut headers = input::request_with_all();
    headers.clear();
    headers
}
