//! Calls of gRPC through the client's layer.

use super::*;
use crate::http::recorded_metrics::RecordedMetrics;

const URI: &str = "https://api.example/a.B/C";

fn call(uri: &str) -> Request<()> {
    let mut call = request(uri, &[("content-type", "application/grpc")]);
    *call.method_mut() = ::http::Method::POST;
    *call.version_mut() = ::http::Version::HTTP_2;
    call
}

/// The body of an answer whose only message is followed by this status, or by nothing.
fn answers(
    layer: &ClientLayer,
    uri: &str,
    status: Option<&'static str>,
) -> TracedBody<impl Body<Data = Bytes, Error = Infallible> + use<>> {
    let trailers = status.map(|status| {
        let status = HeaderValue::from_static(status);
        Ok(HeaderMap::from_iter([(::http::HeaderName::from_static("grpc-status"), status)]))
    });
    let body = http_body_util::Full::new(Bytes::from_static(b"message"));
    let body = RefCell::new(Some(body.with_trailers(ready(trailers))));
    let inner = service_fn(|_: Request<()>| {
        let answer = Response::builder().header("content-type", "application/grpc");
        ready(Ok::<_, Infallible>(answer.body(body.take().unwrap()).unwrap()))
    });
    match poll(pin!(layer.layer(inner).call(call(uri)))) {
        Poll::Ready(Ok(response)) => response.into_body(),
        Poll::Pending => unreachable!("the service is ready at once"),
    }
}

fn status_and_error(span: &SpanData) -> (Option<String>, Option<String>) {
    (attribute(span, "rpc.response.status_code"), error_type(span))
}

#[test]
fn a_call_is_named_by_its_method_and_says_nothing_of_http() {
    let recorded = Recorded::default();
    let body = answers(&layer(&recorded), URI, Some("0"));
    assert!(recorded.all().is_empty(), "the status is still to come");
    assert!(poll(pin!(body.collect())).is_ready());
    let span = recorded.one();
    assert_eq!((span.name.as_ref(), span.span_kind.clone()), ("a.B/C", SpanKind::Client));
    let expected = [
        ("rpc.system.name", "grpc"),
        ("rpc.method", "a.B/C"),
        ("server.address", "api.example"),
        ("server.port", "443"),
        ("rpc.response.status_code", "OK"),
    ];
    assert_eq!(shown(&span), expected.map(|(key, value)| (key, value.to_owned())));
}

#[test]
fn any_status_but_ok_is_an_error_unless_the_caller_goes_away() {
    for (status, name) in [(Some("5"), "NOT_FOUND"), (Some("x"), "UNKNOWN"), (None, "UNKNOWN")] {
        let recorded = Recorded::default();
        assert!(poll(pin!(answers(&layer(&recorded), URI, status).collect())).is_ready());
        let name = Some(name.to_owned());
        assert_eq!(status_and_error(&recorded.one()), (name.clone(), name));
    }
    let recorded = Recorded::default();
    drop(answers(&layer(&recorded), URI, Some("0")));
    assert_eq!(status_and_error(&recorded.one()), (Some("CANCELLED".to_owned()), None));
}

#[test]
fn who_asks_for_the_end_at_the_headers_gets_it() {
    let recorded = Recorded::default();
    let _body = answers(&layer(&recorded).span_end(SpanEnd::Headers), URI, Some("5"));
    assert_eq!(status_and_error(&recorded.one()), (None, None));
}

#[test]
fn a_status_in_the_headers_is_the_end_although_nobody_looks_at_the_body() {
    let recorded = Recorded::default();
    let inner = service_fn(async |_: Request<()>| {
        let answer = Response::builder().header("grpc-status", "16");
        Ok::<_, Infallible>(answer.body("nobody looks here".to_owned()).unwrap())
    });
    let mut service = layer(&recorded).layer(inner);
    assert!(poll(pin!(service.call(call(URI)))).is_ready());
    let unauthenticated = Some("UNAUTHENTICATED".to_owned());
    assert_eq!(status_and_error(&recorded.one()), (unauthenticated.clone(), unauthenticated));
}

#[test]
fn a_call_is_measured_by_method_status_and_server() {
    let metrics = RecordedMetrics::new();
    let layer = layer(&Recorded::default()).meter_provider(metrics.provider());
    for status in ["0", "12"] {
        assert!(poll(pin!(answers(&layer, URI, Some(status)).collect())).is_ready());
    }
    let line = |error: &str, status: &str| {
        format!(
            "1 s {error}rpc.method=a.B/C rpc.response.status_code={status} rpc.system.name=grpc \
             server.address=api.example server.port=443"
        )
    };
    assert_eq!(
        metrics.of("rpc.client.call.duration"),
        [line("error.type=UNIMPLEMENTED ", "UNIMPLEMENTED"), line("", "OK")]
    );
    assert_eq!(metrics.of("http.client.request.duration"), [""; 0]);
}
