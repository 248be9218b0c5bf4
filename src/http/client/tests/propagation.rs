//! What is sent with a call, and what is current while it runs.

use super::*;
use crate::http::NoPropagate;
use crate::propagation::{Field, Format, Targets};

const STALE: &str = "00-11111111111111111111111111111111-1111111111111111-01";

#[test]
fn tp_8_the_parent_that_is_sent_is_the_clients_span() {
    let recorded = Recorded::default();
    let _current = inside_a_trace().attach();
    let headers = sent(&layer(&recorded), request("http://host/", &[]));
    let span = recorded.one();
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    let id = span.span_context.span_id();
    assert_eq!(headers["traceparent"], format!("00-0af7651916cd43dd8448eb211c80319c-{id}-01"));
    assert_eq!(headers["sentry-trace"], format!("0af7651916cd43dd8448eb211c80319c-{id}-1"));
    assert_eq!(headers["tracestate"], "v=1");
}

#[test]
fn tp_10_without_spans_the_current_context_is_sent_as_it_is() {
    let _current = inside_a_trace().attach();
    let headers = sent(&ClientLayer::propagate_only(), request("http://host/", &[]));
    assert_eq!(headers["traceparent"], PARENT);
}

#[test]
fn bo_3_headers_are_replaced_and_never_added_to() {
    let _current = inside_a_trace().attach();
    let stale = [("traceparent", STALE), ("traceparent", STALE), ("tracestate", "old=1")];
    let headers = sent(&ClientLayer::propagate_only(), request("http://host/", &stale));
    assert!(headers.get_all("traceparent").iter().eq([PARENT]));
    assert!(headers.get_all("tracestate").iter().eq(["v=1"]));
}

#[test]
fn tp_9_stale_headers_go_when_there_is_no_trace() {
    let stale = [("traceparent", STALE), ("tracestate", "old=1"), ("x", "y")];
    let headers = sent(&ClientLayer::propagate_only(), request("http://host/", &stale));
    assert_eq!(headers.len(), 1);
}

#[test]
fn tr_3_only_targets_get_trace_headers_and_others_lose_theirs() {
    let recorded = Recorded::default();
    let targets = Targets::none().allow("https://api.example/v1").unwrap();
    let layer = layer(&recorded).targets(targets);
    let _current = inside_a_trace().attach();
    let stale = [("traceparent", STALE), ("sentry-trace", "stale")];
    let ours = sent(&layer, request("https://api.example/v1/users", &stale));
    assert!(ours.contains_key("traceparent") && ours["sentry-trace"] != "stale");
    for other in ["https://api.example/v2", "http://api.example/v1", "https://evil/?api.example/v1"]
    {
        assert!(sent(&layer, request(other, &stale)).is_empty(), "{other}");
    }
    assert_eq!(recorded.all().len(), 4, "every request has its span");
}

/// A request that was copied from one which came in, with a value for every trace field.
fn copied(uri: &str) -> Request<()> {
    let stale: Vec<_> = Field::ALL.into_iter().map(|field| (field.as_str(), "stale=1")).collect();
    let mut copied = request(uri, &stale);
    copied.headers_mut().insert("x", HeaderValue::from_static("y"));
    copied
}

#[test]
fn tr_3_who_is_denied_gets_no_field_of_any_format_and_no_baggage() {
    let recorded = Recorded::default();
    let targets = Targets::none().allow("https://api.example").unwrap();
    let narrow = Propagator::default().emit([Format::Sentry]);
    let mut quiet = copied("https://api.example/");
    quiet.extensions_mut().insert(NoPropagate);
    for layer in [ClientLayer::propagate_only().propagation(narrow), layer(&recorded)] {
        let layer = layer.targets(targets.clone());
        for denied in [copied("https://evil.example/"), copied("https://a:b@api.example/")] {
            assert!(sent(&layer, denied).keys().eq(["x"]));
        }
        assert!(sent(&layer, quiet.clone()).keys().eq(["x"]));
        assert!(sent(&layer, copied("https://api.example/")).contains_key("b3"), "not its own");
    }
}

#[test]
fn a_target_with_credentials_gets_no_trace() {
    let recorded = Recorded::default();
    let _current = inside_a_trace().attach();
    let stale = [("traceparent", STALE)];
    let headers = sent(&layer(&recorded), request("http://user:secret@host/", &stale));
    assert!(headers.is_empty(), "{headers:?}");
    let url = attribute(&recorded.one(), "url.full");
    assert_eq!(url.as_deref(), Some("http://host/"));
}

#[test]
fn where_telemetry_is_suppressed_a_request_is_left_alone() {
    let recorded = Recorded::default();
    let _current = inside_a_trace().with_telemetry_suppressed().attach();
    let headers = sent(&layer(&recorded), request("http://host/", &[("traceparent", STALE)]));
    assert_eq!(headers["traceparent"], STALE);
    assert!(recorded.all().is_empty());
}

#[test]
fn suppression_lasts_while_the_call_is_polled() {
    let inner = service_fn(async |_: Request<()>| {
        assert!(Context::is_current_telemetry_suppressed());
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let mut service = ClientLayer::propagate_only().layer(inner);
    let future = {
        let _current = Context::new().with_telemetry_suppressed().attach();
        service.call(request("http://host/", &[]))
    };
    assert!(poll(pin!(future)).is_ready());
}

#[test]
fn baggage_is_sent_only_where_it_was_asked_for() {
    let mut trace = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
    trace.baggage_mut().push("tenant", "7").unwrap();
    let _current = Context::new().with_trace_context(trace).attach();
    let layer = ClientLayer::propagate_only();
    assert!(!sent(&layer, request("http://host/", &[])).contains_key("baggage"));
    let layer = layer.propagation(Propagator::default().forward_baggage(true));
    assert_eq!(sent(&layer, request("http://host/", &[]))["baggage"], "tenant=7");
}

#[test]
fn the_clients_span_is_current_inside_and_gone_outside() {
    let recorded = Recorded::default();
    let current = || TraceContext::current().parent().map(|parent| parent.parent_id().to_string());
    let seen = RefCell::new(Vec::new());
    let inner = service_fn(|_: Request<()>| {
        seen.borrow_mut().push(current());
        async {
            seen.borrow_mut().push(current());
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    });
    let mut service = layer(&recorded).layer(inner);
    let future = service.call(request("http://host/", &[]));
    assert_eq!(current(), None);
    assert!(poll(pin!(future)).is_ready());
    assert_eq!(current(), None);
    let id = recorded.one().span_context.span_id().to_string();
    assert_eq!(seen.take(), [Some(id.clone()), Some(id)]);
}

#[test]
fn a_request_that_a_proxy_sends_on_with_its_extensions_is_one_of_its_own() {
    let recorded = Recorded::default();
    let server = ServerLayer::new().tracer_provider(recorded.provider());
    let origin = server.layer(service_fn(|_: Request<()>| answer(200)));
    let mut proxy = server.layer(layer(&recorded).layer(origin));
    assert!(poll(pin!(proxy.call(request("http://host/", &[])))).is_ready());
    let kinds: Vec<_> = recorded.all().into_iter().map(|span| span.span_kind).collect();
    assert_eq!(kinds, [SpanKind::Server, SpanKind::Client, SpanKind::Server]);
}
