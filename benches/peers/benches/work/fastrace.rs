//! The work of fastrace, for `traceparent`, and for `tracestate` as a text that nobody looks into.

use std::hint::black_box;

use bytes::Bytes;
use fastrace::collector::W3CTraceContext;
use fastrace::prelude::SpanContext;
use http::{HeaderMap, HeaderValue};

pub(crate) fn parse(text: &'static str) {
    black_box(SpanContext::decode_w3c_traceparent(black_box(text)));
}

pub(crate) fn extract(headers: &'static HeaderMap) {
    let value = black_box(headers).get("traceparent").and_then(|value| value.to_str().ok());
    black_box(value.and_then(SpanContext::decode_w3c_traceparent));
}

pub(crate) fn extract_both(headers: &'static HeaderMap) {
    let pairs = black_box(headers)
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    black_box(W3CTraceContext::decode_headers(pairs));
}

/// The value alone: into a map it is the caller's to put.
pub(crate) fn format(context: SpanContext) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(black_box(context).encode_w3c_traceparent()))
        .expect("digits and dashes")
}
