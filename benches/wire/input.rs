//! The requests that everybody is measured with: the benches, the allocation counts and the peers.

use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// One digit of the trace id is in upper case.
pub(crate) const BAD_TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319C-b7ad6b7169203331-01";
pub(crate) const SENTRY_TRACE: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
pub(crate) const TRACESTATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,dd=s:1;t.dm:-0";
pub(crate) const BAGGAGE: &str = "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,\
    sentry-public_key=49d0f7386ad645858ae85020e393bef3,sentry-sample_rate=0.25,\
    sentry-sample_rand=0.123456,sentry-sampled=true,sentry-release=shop%401.4.2,\
    sentry-environment=production,sentry-org_id=1";

/// What a browser or a client sends beside the trace.
const OTHERS: [(&str, &str); 8] = [
    ("host", "shop.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-US,en;q=0.5"),
    ("content-type", "application/json"),
    ("content-length", "348"),
    ("x-request-id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
];

/// Eight headers without a trace.
pub(crate) fn request_without_trace() -> HeaderMap {
    request(&[])
}

/// Eight headers and `traceparent`.
pub(crate) fn request_with_traceparent() -> HeaderMap {
    request(&[("traceparent", TRACEPARENT)])
}

/// Eleven headers: `traceparent`, `tracestate` of 3 and Sentry-style `baggage` of 8 members.
pub(crate) fn request_with_w3c() -> HeaderMap {
    request(&[("traceparent", TRACEPARENT), ("tracestate", TRACESTATE), ("baggage", BAGGAGE)])
}

/// The same eleven headers, with baggage that is as long but not Sentry's: that goes out with
/// `sentry-trace` only.
pub(crate) fn request_with_other_baggage() -> HeaderMap {
    let baggage = BAGGAGE.replace("sentry-", "tenant-");
    request(&[("traceparent", TRACEPARENT), ("tracestate", TRACESTATE), ("baggage", &baggage)])
}

/// Twelve headers: those of [`request_with_w3c`] and `sentry-trace`.
pub(crate) fn request_with_all() -> HeaderMap {
    request(&[
        ("traceparent", TRACEPARENT),
        ("tracestate", TRACESTATE),
        ("sentry-trace", SENTRY_TRACE),
        ("baggage", BAGGAGE),
    ])
}

/// One header: baggage of 64 members.
pub(crate) fn baggage_of_64(encoded: bool) -> HeaderMap {
    let value = if encoded { "J%C3%BCrgen%20" } else { "value-" };
    list("baggage", 64, |text, n| write!(text, "user-key-{n:02}={value}{n:02}"))
}

/// `traceparent`, and a `tracestate` of 32 members.
pub(crate) fn tracestate_of_32() -> HeaderMap {
    let mut headers =
        list("tracestate", 32, |text, n| write!(text, "vendor{n:02}=00f067aa0ba902{n:02}"));
    headers.insert("traceparent", HeaderValue::from_static(TRACEPARENT));
    headers
}

fn list(
    name: &'static str,
    members: usize,
    write: impl Fn(&mut String, usize) -> std::fmt::Result,
) -> HeaderMap {
    let mut text = String::new();
    for n in 0..members {
        if n > 0 {
            text.push(',');
        }
        write(&mut text, n).expect("a string takes everything");
    }
    block(&[(name, &text)])
}

fn request(trace: &[(&str, &str)]) -> HeaderMap {
    block(&[&OTHERS, trace].concat())
}

/// A map whose values are slices of one buffer, as those of hyper are.
fn block(headers: &[(&str, &str)]) -> HeaderMap {
    let text: String = headers.iter().map(|(_, value)| *value).collect();
    let mut rest = Bytes::from(text);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("names are valid");
        let value = HeaderValue::from_maybe_shared(rest.split_to(value.len()));
        map.append(name, value.expect("values are valid"));
    }
    map
}
