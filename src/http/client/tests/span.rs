//! What the span of a call says, and how it ends.

use super::*;
use crate::http::ResendCount;

// What it says

#[test]
fn a_span_has_the_stable_attributes_and_nothing_secret() {
    let recorded = Recorded::default();
    let request =
        request("https://api.example/users/7?token=secret", &[("authorization", "secret")]);
    sent(&layer(&recorded), request);
    let span = recorded.one();
    assert_eq!((span.name.as_ref(), span.span_kind.clone()), ("GET", SpanKind::Client));
    let attributes: Vec<_> =
        span.attributes.iter().map(|a| (a.key.as_str(), a.value.to_string())).collect();
    let expected = [
        ("http.request.method", "GET"),
        ("server.address", "api.example"),
        ("server.port", "443"),
        ("url.full", "https://api.example/users/7?REDACTED"),
        ("http.response.status_code", "200"),
    ];
    assert_eq!(attributes, expected.map(|(key, value)| (key, value.to_owned())));
}

#[test]
fn a_resent_request_says_how_often_and_the_first_does_not() {
    for (count, expected) in [(0, None), (3, Some("3"))] {
        let recorded = Recorded::default();
        let mut resent = request("http://host/", &[]);
        resent.extensions_mut().insert(ResendCount(count));
        sent(&layer(&recorded), resent);
        let told = attribute(&recorded.one(), "http.request.resend_count");
        assert_eq!(told.as_deref(), expected);
    }
}

#[test]
fn a_template_names_the_span_behind_a_known_method() {
    for (method, name) in [("GET", "GET /{id}"), ("BREW", "HTTP /{id}")] {
        let recorded = Recorded::default();
        let mut brewed = request("http://host/7", &[]);
        *brewed.method_mut() = method.parse().unwrap();
        brewed.extensions_mut().insert(UrlTemplate("/{id}"));
        sent(&layer(&recorded), brewed);
        assert_eq!(recorded.one().name, name);
    }
}

// How it ends

#[test]
fn a_status_of_400_or_above_is_an_error() {
    for (status, error) in [(302, None), (404, Some("404")), (500, Some("500"))] {
        let recorded = Recorded::default();
        let mut service = layer(&recorded).layer(service_fn(|_: Request<()>| answer(status)));
        assert!(poll(pin!(service.call(request("http://host/", &[])))).is_ready());
        assert_eq!(error_type(&recorded.one()).as_deref(), error);
    }
}

#[test]
fn a_failed_call_names_the_type_of_its_error() {
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| ready(Err::<Response<String>, _>(std::fmt::Error)));
    let mut service = layer(&recorded).layer(inner);
    assert!(matches!(
        poll(pin!(service.call(request("http://host/", &[])))),
        Poll::Ready(Err(std::fmt::Error))
    ));
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("core::fmt::Error"));
}

#[test]
fn a_call_that_its_caller_drops_is_no_error() {
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| pending::<Result<Response<String>, Infallible>>());
    let mut service = layer(&recorded).layer(inner);
    drop(service.call(request("http://host/", &[])));
    {
        let mut future = pin!(service.call(request("http://host/", &[])));
        assert!(poll(future.as_mut()).is_pending());
    }
    let spans = recorded.all();
    assert_eq!(spans.iter().map(error_type).collect::<Vec<_>>(), [None, None]);
    assert_eq!(attribute(&spans[0], "http.response.status_code"), None);
}

#[test]
fn a_panic_is_an_error_and_goes_on() {
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| -> Ready<Result<Response<String>, Infallible>> {
        panic!("told to")
    });
    let mut service = layer(&recorded).layer(inner);
    let call = || service.call(request("http://host/", &[]));
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
}

#[test]
fn a_panic_in_the_body_is_an_error_only_of_a_span_that_lasts_so_long() {
    for (end, expected) in [(SpanEnd::BodyEnd, Some("panic")), (SpanEnd::Headers, None)] {
        let recorded = Recorded::default();
        let frames = stream::poll_fn(|_| -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("told to")
        });
        let body = begun(layer(&recorded).span_end(end), StreamBody::new(frames));
        let collect = || poll(pin!(body.collect())).is_ready();
        assert!(catch_unwind(AssertUnwindSafe(collect)).is_err());
        assert_eq!(error_type(&recorded.one()).as_deref(), expected, "{end:?}");
    }
}

#[test]
fn the_body_is_polled_in_the_clients_context_whenever_the_span_ends() {
    for end in [SpanEnd::BodyEnd, SpanEnd::Headers] {
        let recorded = Recorded::default();
        let seen = RefCell::new(None);
        let frames = stream::poll_fn(|_| {
            seen.replace(TraceContext::current().parent().map(|p| p.parent_id().to_string()));
            Poll::Ready(None::<Result<Frame<Bytes>, Infallible>>)
        });
        let body = begun(layer(&recorded).span_end(end), StreamBody::new(frames));
        assert!(poll(pin!(body.collect())).is_ready());
        assert_eq!(seen.take(), Some(recorded.one().span_context.span_id().to_string()));
        assert!(TraceContext::current().is_empty());
    }
}
