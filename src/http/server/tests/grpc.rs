//! Calls of gRPC: what their spans and series say, and where the status is found.

use ::http::HeaderValue;
use opentelemetry_sdk::trace::SpanData;

use super::*;
use crate::http::recorded_metrics::RecordedMetrics;
use crate::http::{Ending, Outcome, SpanEnd};

const DURATION: &str = "rpc.server.call.duration";

fn call(path: &str) -> Request<()> {
    let call = Request::post(path).version(Version::HTTP_2).header("host", "api.example:50051");
    call.header("content-type", "application/grpc+proto").body(()).unwrap()
}

fn answer<B>(headers: &[(&'static str, &str)], body: B) -> Response<B> {
    let mut answer = Response::builder().header("content-type", "application/grpc");
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(body).unwrap()
}

/// A body that ends with these trailers.
fn ending_with(trailers: &[(&'static str, &'static str)]) -> impl Body<Data = Bytes> {
    let trailers = trailers.iter().map(|(name, value)| {
        (::http::HeaderName::from_static(name), HeaderValue::from_static(value))
    });
    let trailers = HeaderMap::from_iter(trailers);
    Full::new(Bytes::from_static(b"message")).with_trailers(std::future::ready(Some(Ok::<
        _,
        Infallible,
    >(
        trailers
    ))))
}

/// Status and error of a call whose answer is read to its end.
fn told<B: Body>(response: Response<B>) -> (Option<String>, Option<String>) {
    let recorded = Recorded::default();
    let body = respond(&layer(&recorded), call("/a.B/C"), response).into_body();
    let _ = poll(pin!(body.collect()));
    status_and_error(&recorded.one())
}

fn status_and_error(span: &SpanData) -> (Option<String>, Option<String>) {
    (attribute(span, "rpc.response.status_code"), error_type(span))
}

fn pair(status: &str, error: Option<&str>) -> (Option<String>, Option<String>) {
    (Some(status.to_owned()), error.map(str::to_owned))
}

#[test]
fn a_call_is_named_by_its_method_and_says_nothing_of_http() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).route(|_| Some("/{service}/{*rest}"));
    let body = respond(&layer, call("/a.B/C"), answer(&[], ending_with(&[("grpc-status", "0")])));
    assert!(poll(pin!(body.into_body().collect())).is_ready());
    let span = recorded.one();
    assert_eq!((span.name.as_ref(), span.span_kind.clone()), ("a.B/C", SpanKind::Server));
    let attributes: Vec<_> =
        span.attributes.iter().map(|a| (a.key.as_str(), a.value.to_string())).collect();
    let expected = [
        ("rpc.system.name", "grpc"),
        ("rpc.method", "a.B/C"),
        ("server.address", "api.example"),
        ("server.port", "50051"),
        ("network.protocol.version", "2"),
        ("rpc.response.status_code", "OK"),
    ];
    assert_eq!(attributes, expected.map(|(key, value)| (key, value.to_owned())));
}

#[test]
fn a_path_that_is_no_method_names_nothing() {
    let recorded = Recorded::default();
    drop(respond(&layer(&recorded), call("/any/text/7"), answer(&[], Empty::<Bytes>::new())));
    let span = recorded.one();
    assert_eq!(span.name, "grpc");
    assert_eq!(attribute(&span, "rpc.method").as_deref(), Some("_OTHER"));
    assert_eq!(attribute(&span, "rpc.method_original").as_deref(), Some("/any/text/7"));
}

#[test]
fn the_status_stands_in_the_trailers_or_in_the_headers_of_an_answer_without_a_body() {
    let in_headers = |status| told(answer(&[("grpc-status", status)], Empty::<Bytes>::new()));
    assert_eq!(in_headers("0"), pair("OK", None));
    assert_eq!(in_headers("5"), pair("NOT_FOUND", None));
    assert_eq!(in_headers("13"), pair("INTERNAL", Some("INTERNAL")));
    let in_trailers = |status| told(answer(&[], ending_with(&[("grpc-status", status)])));
    assert_eq!(in_trailers("0"), pair("OK", None));
    assert_eq!(in_trailers("7"), pair("PERMISSION_DENIED", None));
    assert_eq!(in_trailers("14"), pair("UNAVAILABLE", Some("UNAVAILABLE")));
    let both = answer(&[("grpc-status", "0")], ending_with(&[("grpc-status", "15")]));
    assert_eq!(told(both), pair("DATA_LOSS", Some("DATA_LOSS")));
}

#[test]
fn a_status_that_is_missing_or_malformed_is_unknown() {
    let unknown = pair("UNKNOWN", Some("UNKNOWN"));
    for bad in ["17", "", "OK", "00", "-1"] {
        assert_eq!(told(answer(&[("grpc-status", bad)], Empty::<Bytes>::new())), unknown, "{bad}");
    }
    assert_eq!(told(answer(&[], Empty::<Bytes>::new())), unknown);
    assert_eq!(told(answer(&[], Full::new(Bytes::from_static(b"message")))), unknown);
    assert_eq!(told(answer(&[], ending_with(&[("x-other", "1")]))), unknown);
}

#[test]
fn a_message_is_never_shown() {
    let recorded = Recorded::default();
    let trailers = [("grpc-status", "13"), ("grpc-message", "secret%20%ZZ")];
    let response = answer(&[("grpc-message", "secret")], ending_with(&trailers));
    let body = respond(&layer(&recorded), call("/a.B/C"), response).into_body();
    assert!(poll(pin!(body.collect())).is_ready());
    let shown = format!("{:?}", recorded.one());
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn an_answer_that_is_not_grpcs_is_judged_as_one_of_http() {
    for (status, error) in [(404, None), (503, Some("503"))] {
        let recorded = Recorded::default();
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        drop(respond(&layer(&recorded), call("/a.B/C"), response));
        let span = recorded.one();
        assert_eq!(status_and_error(&span), (None, error.map(str::to_owned)));
        assert_eq!(attribute(&span, "http.response.status_code"), Some(status.to_string()));
        assert_eq!(span.name, "grpc", "nobody knows whether there is such a method");
    }
}

#[test]
fn a_call_that_fails_otherwise_has_no_status() {
    let error = Some("core::fmt::Error".to_owned());
    assert_eq!(told(answer(&[], Script::of([Step::Fail]))), (None, error.clone()));
    let recorded = Recorded::default();
    let inner = service_fn(async |_: Request<()>| {
        Err::<Response<Empty<Bytes>>, std::fmt::Error>(std::fmt::Error)
    });
    assert!(poll(pin!(layer(&recorded).layer(inner).call(call("/a.B/C")))).is_ready());
    assert_eq!(status_and_error(&recorded.one()), (None, error));
}

#[test]
fn a_call_that_nobody_waits_for_is_cancelled() {
    let cancelled = pair("CANCELLED", Some("cancelled"));
    let recorded = Recorded::default();
    let inner =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    drop(layer(&recorded).layer(inner).call(call("/a.B/C")));
    assert_eq!(status_and_error(&recorded.one()), cancelled);
    assert_eq!(recorded.one().name, "a.B/C");

    let recorded = Recorded::default();
    let streaming = answer(&[], Script::of([Step::Data("one"), Step::Pending]));
    let mut body = Box::pin(respond(&layer(&recorded), call("/a.B/C"), streaming).into_body());
    while poll_frame(body.as_mut()).is_ready() {}
    drop(body);
    assert_eq!(status_and_error(&recorded.one()), cancelled);
}

#[test]
fn a_span_that_ends_at_the_headers_knows_only_what_they_say() {
    let at_headers = |response: Response<Script>| {
        let recorded = Recorded::default();
        let layer = layer(&recorded).span_end(SpanEnd::Headers);
        drop(respond(&layer, call("/a.B/C"), response));
        status_and_error(&recorded.one())
    };
    let body = || Script::of([Step::Data("one"), Step::Trailers]);
    assert_eq!(at_headers(answer(&[], body())), (None, None));
    assert_eq!(at_headers(answer(&[("grpc-status", "5")], body())), pair("NOT_FOUND", None));
}

#[test]
fn hooks_see_and_judge_the_status() {
    let recorded = Recorded::default();
    let (told, ends) = std::sync::mpsc::channel();
    let layer = layer(&recorded)
        .classify_error(|outcome| match outcome {
            Outcome::GrpcStatus("NOT_FOUND") => Some("gone".into()),
            other => other.error_type(),
        })
        .on_end(move |end, _| told.send((end.ending(), end.grpc_status())).unwrap());
    drop(respond(&layer, call("/a.B/C"), answer(&[("grpc-status", "5")], Empty::<Bytes>::new())));
    assert_eq!(status_and_error(&recorded.one()), pair("NOT_FOUND", Some("gone")));
    assert_eq!(ends.recv().unwrap(), (Ending::Complete, Some("NOT_FOUND")));
    drop(respond(&layer, request(&[]), Response::new(Empty::<Bytes>::new())));
    assert_eq!(ends.recv().unwrap(), (Ending::Complete, None));
}

#[test]
fn a_name_that_somebody_chose_stays() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).span_name(|_| "mine");
    let unimplemented = answer(&[("grpc-status", "12")], Empty::<Bytes>::new());
    drop(respond(&layer, call("/a.B/C"), unimplemented));
    assert_eq!(recorded.one().name, "mine");
}

#[test]
fn a_call_is_measured_as_one_and_its_method_is_believed_when_it_was_answered() {
    let metrics = RecordedMetrics::new();
    let layer = layer(&Recorded::default()).meter_provider(metrics.provider());
    let ends = |path: &str, response: Response<Script>| {
        let body = respond(&layer, call(path), response).into_body();
        let _ = poll(pin!(body.collect()));
    };
    let status = |status| answer(&[("grpc-status", status)], Script::default());
    ends("/a.B/C", status("0"));
    ends("/a.B/C", status("0"));
    ends("/a.B/C", status("13"));
    ends("/no.Such/Method", status("12"));
    ends("/no.Service/AtAll", Response::new(Script::default()));
    drop(respond(&layer, call("/a.B/Stream"), answer(&[], Script::of([Step::Pending]))));
    let never =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    drop(layer.layer(never).call(call("/any/Text")));
    let line = |count: u8, error: &str, method: &str, status: &str| {
        let system = "rpc.system.name=grpc";
        format!("{count} s {error}rpc.method={method} rpc.response.status_code={status} {system}")
    };
    let mut expected = [
        line(2, "", "a.B/C", "OK"),
        line(1, "error.type=INTERNAL ", "a.B/C", "INTERNAL"),
        line(1, "error.type=UNIMPLEMENTED ", "_OTHER", "UNIMPLEMENTED"),
        line(1, "error.type=UNKNOWN ", "_OTHER", "UNKNOWN"),
        line(1, "error.type=cancelled ", "a.B/Stream", "CANCELLED"),
        line(1, "error.type=cancelled ", "_OTHER", "CANCELLED"),
    ];
    expected.sort();
    assert_eq!(metrics.of(DURATION), expected);
    assert_eq!(metrics.of("http.server.request.duration"), [""; 0]);
    assert_eq!(metrics.of("http.server.response.body.size"), [""; 0]);
    assert_eq!(
        metrics.of("http.server.active_requests"),
        ["0 {request} http.request.method=POST url.scheme=http"]
    );
}
