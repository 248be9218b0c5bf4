use axum::body::Body;
use axum::extract::Request;
use migrations::axum_tracing_opentelemetry::{after, before};
use throughline_testkit::headers::assert_continues;
use throughline_testkit::{Caller, Sdk};

use crate::shop::{Seen, continues_below, is_ok, order, says_at_least, seen};

fn both(request: fn() -> Request) -> [Seen; 2] {
    [
        seen(request(), before::subscriber, |stock, _| before::app(stock)),
        seen(request(), after::subscriber, after::app),
    ]
}

fn an_order() -> Request {
    order(&Caller::new(Sdk::OpenTelemetry))
}

#[test]
fn a_trace_of_axum_tracing_opentelemetry_goes_on() {
    let [before, after] = both(an_order);
    for seen in [&before, &after] {
        is_ok(&seen.response);
        assert_eq!(seen.named("order").parent_span_id.as_ref(), Some(&seen.server().span_id));
        continues_below(seen, seen.named("order"));
    }
    // Before, an empty tracestate goes out as well.
    assert_continues(&after.sent, continues_below(&after, after.named("order")));
    says_at_least(after.server(), before.server(), &[]);
}

#[test]
fn the_caller_is_told_its_trace_as_by_axum_tracing_opentelemetry() {
    let [before, after] = both(an_order);
    for (seen, header) in [(before, "traceparent"), (after, "server-timing")] {
        let told = seen.response.headers()[header].to_str().unwrap();
        assert!(told.contains(&seen.server().trace_id), "{told}");
        assert!(told.contains(&seen.server().span_id), "{told}");
    }
}

#[test]
fn what_axum_tracing_opentelemetry_left_out_is_left_out() {
    for seen in both(|| Request::get("/health").body(Body::empty()).unwrap()) {
        is_ok(&seen.response);
        assert!(seen.spans.is_empty(), "{}", seen.tree);
    }
}
