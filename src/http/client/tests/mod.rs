use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Waker};

use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, Service, service_fn};

use super::{ClientFuture, ClientLayer, ClientService, NoPropagate, ResendCount, UrlTemplate};
use crate::context::{TraceContext, TraceParent};
use crate::http::{Outcome, ServerLayer, SpanEnd, TracedBody};
use crate::otel::ContextExt;
use crate::otel::recorded::{Recorded, attribute, error_type};
use crate::propagation::{Field, Format, Propagator, Targets};

mod contract;
mod grpc;
mod metrics;
#[cfg(feature = "tracing")]
mod with_tracing;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const STALE: &str = "00-11111111111111111111111111111111-1111111111111111-01";

fn layer(recorded: &Recorded) -> ClientLayer {
    ClientLayer::new().tracer_provider(recorded.provider())
}

fn inside_a_trace() -> Context {
    let mut trace = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
    *trace.trace_state_mut() = "v=1".parse().unwrap();
    Context::new().with_trace_context(trace)
}

fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}

fn answer(status: u16) -> Ready<Result<Response<String>, Infallible>> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    ready(Ok(response))
}

/// The headers that arrive at the inner service.
fn sent(layer: &ClientLayer, request: Request<()>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let inner = service_fn(|request: Request<()>| {
        headers = request.headers().clone();
        answer(200)
    });
    assert!(poll(pin!(layer.layer(inner).call(request))).is_ready());
    headers
}

// What the span says

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

// What a caller may say, see and decide

fn shown(span: &SpanData) -> Vec<(&str, String)> {
    span.attributes.iter().map(|a| (a.key.as_str(), a.value.to_string())).collect()
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

// The end with the body

/// Drives the layer around a service with this body to the headers.
fn begun<B: Body>(layer: ClientLayer, body: B) -> TracedBody<B> {
    let body = RefCell::new(Some(body));
    let inner = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(body.take().unwrap())))
    });
    match poll(pin!(layer.layer(inner).call(request("http://host/", &[])))) {
        Poll::Ready(Ok(response)) => response.into_body(),
        Poll::Pending => unreachable!("the service is ready at once"),
    }
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

// What is sent

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

// The contract of a service

#[test]
fn readiness_is_that_of_the_service_that_is_called() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<String>>();
    let mut service = layer(&Recorded::default()).layer(mock);
    let mut task = task::Context::from_waker(Waker::noop());
    handle.allow(0);
    assert!(service.poll_ready(&mut task).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut task).is_ready());
    // The mock panics if another one than the ready service is called.
    assert!(poll(pin!(service.call(request("http://host/", &[])))).is_pending());
    handle.send_error("closed");
    assert!(matches!(service.poll_ready(&mut task), Poll::Ready(Err(_))));
}

#[test]
fn types_are_send_and_sync_as_far_as_the_inner_ones_are() {
    fn check<T: Send + Sync>() {}
    check::<ClientLayer>();
    check::<ClientService<()>>();
    check::<ClientFuture<()>>();
}

#[cfg(feature = "tonic")]
#[test]
fn what_tonic_can_call_it_can_call_through_the_layer() {
    fn check<S: tonic::client::GrpcService<tonic::body::Body>>(_: &S) {}
    let inner = service_fn(async |_: Request<tonic::body::Body>| {
        Ok::<_, std::fmt::Error>(Response::new(tonic::body::Body::empty()))
    });
    check(&inner);
    check(&ClientLayer::new().layer(inner));
}

#[test]
fn debug_shows_no_header_value() {
    let _current = inside_a_trace().attach();
    let inner = service_fn(|_: Request<()>| answer(200));
    let layer = ClientLayer::propagate_only();
    let future = layer.layer(inner).call(request("http://host/", &[("x", "secret")]));
    let shown = format!("{layer:?} {future:?}");
    assert!(!shown.contains("secret") && !shown.contains("v=1"), "{shown}");
    assert!(!shown.contains("0af7651916cd43dd8448eb211c80319c"), "{shown}");
}
