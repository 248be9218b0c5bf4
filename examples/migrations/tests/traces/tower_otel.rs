use migrations::tower_otel::{after, before};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use throughline_testkit::headers::assert_continues;
use throughline_testkit::{Caller, Kind, Sdk};

use crate::shop::{Seen, continues_below, is_ok, order, says_at_least, seen};

fn both() -> [Seen; 2] {
    let request = || order(&Caller::new(Sdk::OpenTelemetry));
    let meters = SdkMeterProvider::default();
    [
        seen(request(), before::subscriber, |stock, _| before::app(stock, &meters)),
        seen(request(), after::subscriber, |stock, spans| after::app(stock, spans, &meters)),
    ]
}

#[test]
fn a_trace_of_tower_otel_goes_on() {
    let [before, after] = both();
    for seen in [&before, &after] {
        is_ok(&seen.response);
        assert_eq!(seen.named("order").parent_span_id.as_ref(), Some(&seen.server().span_id));
        continues_below(seen, seen.named("order"));
    }
    // Before, an empty tracestate goes out as well.
    assert_continues(&after.sent, continues_below(&after, after.named("order")));
    says_at_least(after.server(), before.server(), &["network.protocol.name"]);
}

#[test]
fn the_call_has_a_span_as_with_tower_otel() {
    let [before, after] = both();
    let client = |seen: &Seen| {
        let span = seen.spans.iter().find(|span| span.kind == Kind::Client);
        let mut span = span.unwrap_or_else(|| panic!("{}", seen.tree)).clone();
        assert_eq!(span.parent_span_id.as_ref(), Some(&seen.named("order").span_id));
        // Ids of its own in each run.
        span.parent_span_id = None;
        span
    };
    // The conventions have the URL as a whole for clients, and no name of the protocol if it is HTTP.
    let but_for = ["network.protocol.name", "network.protocol.version", "url.path", "url.scheme"];
    says_at_least(&client(&after), &client(&before), &but_for);
}

#[test]
fn a_header_is_exported_if_it_is_named() {
    let [before, after] = both();
    for seen in [&before, &after] {
        let tenant = seen.server().attribute("http.request.header.x-tenant");
        assert!(tenant.is_some_and(|tenant| tenant.contains("blue")), "{:#?}", seen.server());
    }
    let token = |seen: &Seen| format!("{:?}", seen.spans).contains("5e9d2c");
    assert!(token(&before) && !token(&after));
}
