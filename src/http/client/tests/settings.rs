//! What the setters of the layer change.

use std::sync::{Arc, Mutex};

use super::*;
use crate::http::Outcome;

#[test]
fn a_query_is_shown_only_if_asked_for_and_without_its_secrets() {
    let uri = "https://user:pass@host/a?page=2&token=x&sig=y";
    let full = |layer: ClientLayer, recorded: Recorded| {
        sent(&layer, request(uri, &[]));
        attribute(&recorded.one(), "url.full").unwrap()
    };
    let recorded = Recorded::default();
    assert_eq!(full(layer(&recorded), recorded), "https://host/a?REDACTED");
    let recorded = Recorded::default();
    let layer = layer(&recorded).capture_query().redact_query(["token"]);
    assert_eq!(full(layer, recorded), "https://host/a?page=2&token=REDACTED&sig=REDACTED");
}

#[test]
fn headers_are_shown_only_if_asked_for_and_never_the_trace_headers_that_are_written() {
    let recorded = Recorded::default();
    let layer = layer(&recorded)
        .capture_request_headers(["x-tenant", "authorization", "traceparent"])
        .capture_response_headers(["server", "x-absent"]);
    let headers = [("x-tenant", "7"), ("authorization", "secret"), ("x-other", "secret")];
    let inner = service_fn(async |_: Request<()>| {
        let response = Response::builder().header("server", "s").header("x-other", "secret");
        Ok::<_, Infallible>(response.body(String::new()).unwrap())
    });
    let mut service = layer.layer(inner);
    assert!(poll(pin!(service.call(request("http://host/", &headers)))).is_ready());
    let span = recorded.one();
    let headers: Vec<_> = shown(&span).into_iter().filter(|(k, _)| k.contains("header")).collect();
    assert_eq!(
        headers,
        [
            ("http.request.header.x-tenant", r#"["7"]"#.to_owned()),
            ("http.request.header.authorization", r#"["REDACTED"]"#.to_owned()),
            ("http.response.header.server", r#"["s"]"#.to_owned()),
        ]
    );
}

#[test]
fn hooks_see_request_response_and_span() {
    let recorded = Recorded::default();
    let layer = layer(&recorded)
        .span_name(|request| format!("call {}", request.uri().host().unwrap_or_default()))
        .on_request(|request, span| {
            assert!(!request.headers().contains_key("traceparent"));
            span.set_attribute(KeyValue::new("asked", request.path().to_owned()));
        })
        .on_response(|response, span| {
            span.set_attribute(KeyValue::new("answered", response.status().to_string()));
        });
    sent(&layer, request("http://host/path", &[]));
    let span = recorded.one();
    assert_eq!(span.name, "call host");
    assert_eq!(attribute(&span, "asked").as_deref(), Some("/path"));
    assert_eq!(attribute(&span, "answered").as_deref(), Some("200 OK"));
}

#[test]
fn hooks_hear_of_requests_that_have_a_span_whether_it_is_recorded_or_not() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = |what: &'static str| {
        let heard = Arc::clone(&heard);
        move || heard.lock().unwrap().push(what)
    };
    let (asked, answered, judged) = (hears("asked"), hears("answered"), hears("judged"));
    let recorded = Recorded::default();
    let layer = ClientLayer::new()
        .tracer_provider(recorded.sampled_by(Sampler::AlwaysOff))
        .on_request(move |_, _| asked())
        .on_response(move |_, _| answered())
        .classify_error(move |_| {
            judged();
            None
        });
    sent(&layer, request("http://host/", &[]));
    assert_eq!(*heard.lock().unwrap(), ["asked", "judged", "answered"]);
    sent(&layer.filter(|_| false), request("http://host/", &[]));
    assert_eq!(heard.lock().unwrap().len(), 3);
}

#[test]
fn a_panic_of_a_hook_is_one_of_the_request() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).on_request(|_, _| panic!("told to"));
    let call = || sent(&layer, request("http://host/", &[]));
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
}

#[test]
fn a_classifier_may_take_a_dropped_call_for_an_error() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).classify_error(|outcome| match outcome {
        Outcome::Cancelled => Some("gave up".into()),
        other => other.client_error_type(),
    });
    let inner = service_fn(|_: Request<()>| pending::<Result<Response<String>, Infallible>>());
    drop(layer.layer(inner).call(request("http://host/", &[])));
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("gave up"));
}

#[test]
fn a_classifier_decides_what_is_an_error() {
    let classify = |outcome: Outcome<'_>| match outcome {
        Outcome::Response(response) if response.status() == 404 => None,
        Outcome::Response(response) if response.status() == 200 => Some("too good".into()),
        Outcome::ServiceError("core::fmt::Error") => Some("format".into()),
        other => other.client_error_type(),
    };
    for (status, error) in [(404, None), (200, Some("too good")), (503, Some("503")), (204, None)] {
        let recorded = Recorded::default();
        let layer = layer(&recorded).classify_error(classify);
        let mut service = layer.layer(service_fn(|_: Request<()>| answer(status)));
        assert!(poll(pin!(service.call(request("http://host/", &[])))).is_ready());
        assert_eq!(error_type(&recorded.one()).as_deref(), error, "{status}");
    }
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| ready(Err::<Response<String>, _>(std::fmt::Error)));
    let mut service = layer(&recorded).classify_error(classify).layer(inner);
    assert!(poll(pin!(service.call(request("http://host/", &[])))).is_ready());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("format"));
}

#[test]
fn a_filtered_request_has_no_span_and_carries_the_callers() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).filter(|request| request.path() != "/health");
    let _current = inside_a_trace().attach();
    let headers = sent(&layer, request("http://host/health", &[]));
    assert_eq!(headers["traceparent"], PARENT);
    assert!(recorded.all().is_empty());
    sent(&layer, request("http://host/", &[]));
    assert_eq!(recorded.all().len(), 1);
}
