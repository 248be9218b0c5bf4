//! What is measured of calls.

use super::*;
use crate::http::SpanHandle;
use crate::http::recorded_metrics::RecordedMetrics;

const DURATION: &str = "http.client.request.duration";

fn measured(recorded: &Recorded) -> (ClientLayer, RecordedMetrics) {
    let metrics = RecordedMetrics::new();
    (layer(recorded).meter_provider(metrics.provider()), metrics)
}

/// Drives a call to its end, however that comes about.
fn call<B: Body>(layer: &ClientLayer, request: Request<()>, result: Result<B, std::fmt::Error>) {
    let mut result = Some(result.map(Response::new));
    let inner = service_fn(|_: Request<()>| ready(result.take().unwrap()));
    if let Poll::Ready(Ok(response)) = poll(pin!(layer.layer(inner).call(request))) {
        let _ = poll(pin!(response.into_body().collect()));
    }
}

fn text() -> Result<String, std::fmt::Error> {
    Ok("text".to_owned())
}

#[test]
fn a_call_is_measured_by_server_template_and_status_and_never_by_its_path() {
    let (layer, metrics) = measured(&Recorded::default());
    let mut sent = request("https://api.example/users/7?token=secret", &[]);
    sent.extensions_mut().insert(UrlTemplate("/users/{id}"));
    call(&layer, sent, text());
    call(&layer, request("http://user:secret@other:8080/users/8", &[]), text());
    call(&layer, request("/users/9", &[("host", "third")]), text());
    let server = "http.request.method=GET http.response.status_code=200 server.address=";
    assert_eq!(
        metrics.lines(),
        [
            format!(
                "{DURATION} 1 s {server}api.example server.port=443 url.template=/users/{{id}}"
            ),
            format!("{DURATION} 1 s {server}other server.port=8080"),
            format!("{DURATION} 1 s {server}third"),
        ]
    );
}

#[test]
fn what_turns_out_about_the_handlers_own_request_stays_with_that() {
    let recorded = Recorded::default();
    let (layer, metrics) = measured(&recorded);
    let servers = RecordedMetrics::new();
    let server = ServerLayer::new()
        .tracer_provider(recorded.provider())
        .meter_provider(servers.provider())
        .route(|_| Some("/route"));
    let inner = service_fn(|_: Request<()>| {
        SpanHandle::current().add_label(KeyValue::new("tenant", "blue"));
        call(&layer, request("http://host/", &[]), text());
        answer(200)
    });
    assert!(poll(pin!(server.layer(inner).call(request("http://host/", &[])))).is_ready());
    let own = "1 s http.request.method=GET http.response.status_code=200";
    assert_eq!(metrics.of(DURATION), [format!("{own} server.address=host server.port=80")]);
    assert_eq!(
        servers.of("http.server.request.duration"),
        [format!(
            "{own} http.route=/route network.protocol.version=1.1 tenant=blue url.scheme=http"
        )]
    );
}

#[test]
fn an_error_is_measured_as_one_and_a_dropped_call_is_measured_without() {
    let (layer, metrics) = measured(&Recorded::default());
    let expect = |expected: &[&str]| {
        let plain = |line: &String| {
            line.replace(" http.request.method=GET", "")
                .replace(" server.address=host server.port=80", "")
        };
        let mut lines: Vec<_> = metrics.of(DURATION).iter().map(plain).collect();
        lines.sort();
        assert_eq!(lines, expected);
    };
    call::<String>(&layer, request("http://host/", &[]), Err(std::fmt::Error));
    expect(&["1 s error.type=core::fmt::Error"]);
    let never = service_fn(|_: Request<()>| pending::<Result<Response<String>, Infallible>>());
    drop(layer.layer(never).call(request("http://host/", &[])));
    expect(&["1 s", "1 s error.type=core::fmt::Error"]);
    let mut service = layer.layer(service_fn(|_: Request<()>| answer(404)));
    assert!(poll(pin!(service.call(request("http://host/", &[])))).is_ready());
    expect(&[
        "1 s",
        "1 s error.type=404 http.response.status_code=404",
        "1 s error.type=core::fmt::Error",
    ]);
}

#[test]
fn a_body_is_measured_with_the_span_that_waits_for_it() {
    for end in [SpanEnd::Headers, SpanEnd::BodyEnd] {
        let (layer, metrics) = measured(&Recorded::default());
        let frames = stream::iter([Ok(Frame::data(Bytes::new())), Err(std::fmt::Error)]);
        let body = begun(layer.span_end(end), StreamBody::new(frames));
        let at_headers = metrics.of(DURATION).len();
        assert_eq!(at_headers, usize::from(end == SpanEnd::Headers), "{end:?}");
        assert!(poll(pin!(body.collect())).is_ready());
        let lines = metrics.of(DURATION);
        let failed = lines[0].contains("error.type=core::fmt::Error");
        assert_eq!((lines.len(), failed), (1, end == SpanEnd::BodyEnd), "{end:?}");
    }
}

#[test]
fn requests_without_a_span_are_not_measured_and_unsampled_ones_are() {
    let recorded = Recorded::default();
    let (layer, metrics) = measured(&recorded);
    call(&layer.clone().filter(|_| false), request("http://host/", &[]), text());
    call(&layer.clone().metrics(false), request("http://host/", &[]), text());
    {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        call(&layer, request("http://host/", &[]), text());
    }
    assert!(metrics.lines().is_empty());
    let layer = layer.tracer_provider(recorded.sampled_by(Sampler::AlwaysOff));
    call(&layer, request("http://host/", &[]), text());
    assert_eq!(metrics.of(DURATION).len(), 1);
}
