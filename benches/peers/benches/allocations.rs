//! How often the same work allocates, here and elsewhere.

use fastrace::prelude::SpanContext;
use http::HeaderMap;

#[path = "work/count.rs"]
mod count;
#[path = "messages/elsewhere.rs"]
mod elsewhere;
#[path = "work/fastrace.rs"]
mod fastrace_work;
#[path = "../../wire/input.rs"]
mod input;
#[path = "floor/least.rs"]
mod least;
#[path = "work/messages.rs"]
mod messages;
#[path = "work/messages_count.rs"]
mod messages_count;
#[path = "work/opentelemetry.rs"]
mod peer;
#[path = "work/sentry.rs"]
mod sentry_work;
#[path = "work/text_map_count.rs"]
mod text_map_count;
#[expect(dead_code, reason = "messages are compared at two lengths")]
#[path = "../../websocket/texts.rs"]
mod texts;
#[path = "work/throughline.rs"]
mod throughline_work;
#[expect(dead_code, reason = "this library is measured with more of it")]
#[path = "../../websocket/work.rs"]
mod websocket_work;
#[path = "work/text_map.rs"]
mod work;

use count::count;

fn main() {
    throughline();
    text_map_count::text_map();
    sentry();
    fastrace();
    floor();
    messages_count::messages();
}

fn throughline() {
    use throughline_work as work;
    type Row = (&'static str, fn() -> HeaderMap);
    let group = "throughline";
    count(group, "parse", || input::TRACEPARENT, work::parse);
    count(group, "refuse", || input::BAD_TRACEPARENT, work::parse);
    let received: [Row; 5] = [
        ("extract_traceparent", input::request_with_traceparent),
        ("extract_all_three", input::request_with_w3c),
        ("extract_baggage_plain", || input::baggage_of_64(false)),
        ("extract_baggage_encoded", || input::baggage_of_64(true)),
        ("extract_tracestate", input::tracestate_of_32),
    ];
    for (id, headers) in received {
        count(group, id, || work::received(headers), work::extract);
    }
    let nothing = || work::received_by_default(input::request_without_trace);
    count(group, "extract_nothing", nothing, work::extract);
    let parent = || work::sent(input::request_with_traceparent);
    count(group, "inject_traceparent", parent, |mut sent| work::inject(&mut sent));
    let all = || work::sent(input::request_with_other_baggage);
    count(group, "inject_all_three", all, |mut sent| work::inject(&mut sent));
    count(group, "inject_into_new", all, |mut sent| work::inject_into_new(&mut sent));
    count(group, "all_formats", work::passed_on, |mut passed| work::pass_on(&mut passed));
}

fn sentry() {
    use sentry_work::{REFUSED, extract, parse};
    count("sentry_trace", "parse", || input::SENTRY_TRACE, parse);
    count("sentry_trace", "refuse", || REFUSED, parse);
    count("sentry_trace", "extract_traceparent", || leak(input::request_with_all()), extract);
}

fn fastrace() {
    use fastrace_work::{extract, extract_both, format, parse};
    let group = "fastrace_text";
    count(group, "parse", || input::TRACEPARENT, parse);
    let received = || leak(input::request_with_traceparent());
    count(group, "extract_traceparent", received, extract);
    count(group, "extract_tracestate", || leak(input::tracestate_of_32()), extract_both);
    count(group, "inject_traceparent", SpanContext::random, format);
}

fn floor() {
    let group = "floor";
    count(group, "parse", || input::TRACEPARENT.as_bytes(), least::parse);
    count(group, "refuse", || input::BAD_TRACEPARENT.as_bytes(), least::refuse);
    let parent = || least::received(input::request_with_traceparent());
    count(group, "extract_traceparent", parent, least::extract_parent);
    let all = || least::received(input::request_with_w3c());
    count(group, "extract_all_three", all, least::extract_all);
    let nothing = || least::received(input::request_without_trace());
    count(group, "extract_nothing", nothing, least::extract_all);
    for (id, encoded) in [("extract_baggage_plain", false), ("extract_baggage_encoded", true)] {
        let headers = || least::received(input::baggage_of_64(encoded));
        count(group, id, headers, least::extract_baggage);
    }
    let list = || least::received(input::tracestate_of_32());
    count(group, "extract_tracestate", list, least::extract_tracestate);
    let inject = |id, headers: fn() -> HeaderMap| {
        count(
            group,
            id,
            || least::sent(headers),
            |(passed, headers)| {
                least::inject_all(passed, headers);
            },
        );
    };
    inject("inject_traceparent", input::request_with_traceparent);
    inject("inject_all_three", input::request_with_other_baggage);
    let new = || least::sent(input::request_with_other_baggage).0;
    count(group, "inject_into_new", new, |passed| {
        let mut headers = HeaderMap::new();
        least::inject_all(passed, &mut headers);
        headers
    });
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
