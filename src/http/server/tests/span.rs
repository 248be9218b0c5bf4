//! What a span says of its request, and which trace it belongs to.

use opentelemetry::metrics::{Counter, InstrumentBuilder};

use super::*;

const OTHER: &str = "11111111111111111111111111111111-00f067aa0ba902b7-1";

// What the span says

#[test]
fn a_span_has_the_stable_attributes_and_nothing_secret() {
    let recorded = Recorded::default();
    let layer =
        layer(&recorded).route(|request| request.extensions().get::<&'static str>().copied());
    let mut request = request(&[
        ("host", "api.example:8080"),
        ("user-agent", "curl/8"),
        ("authorization", "Bearer secret"),
        ("cookie", "secret"),
    ]);
    request.extensions_mut().insert("/users/{id}");
    *request.version_mut() = Version::HTTP_2;
    drop(respond(&layer, request, Response::new(Empty::<Bytes>::new())));

    let span = recorded.one();
    assert_eq!((span.name.as_ref(), span.span_kind.clone()), ("GET /users/{id}", SpanKind::Server));
    assert_eq!(span.instrumentation_scope.name(), "throughline");
    let mut attributes: Vec<_> =
        span.attributes.iter().map(|a| (a.key.as_str(), a.value.to_string())).collect();
    attributes.sort();
    let expected = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/users/{id}"),
        ("network.protocol.version", "2"),
        ("server.address", "api.example"),
        ("server.port", "8080"),
        ("url.path", "/users/7"),
        ("url.scheme", "http"),
        ("user_agent.original", "curl/8"),
    ];
    assert_eq!(attributes, expected.map(|(key, value)| (key, value.to_owned())));
}

#[test]
fn without_a_route_the_name_is_the_method_and_never_the_path() {
    let recorded = Recorded::default();
    let mut request = request(&[]);
    *request.method_mut() = "BREW".parse().unwrap();
    drop(respond(&layer(&recorded), request, Response::new(Empty::<Bytes>::new())));
    let span = recorded.one();
    assert_eq!(span.name, "HTTP");
    assert_eq!(attribute(&span, "http.request.method").as_deref(), Some("_OTHER"));
    assert_eq!(attribute(&span, "http.route"), None);
}

#[test]
fn only_a_status_of_500_or_above_is_an_error() {
    for (status, error) in [(404, None), (500, Some("500")), (503, Some("503"))] {
        let recorded = Recorded::default();
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        drop(respond(&layer(&recorded), request(&[]), response));
        let span = recorded.one();
        assert_eq!(error_type(&span).as_deref(), error);
        assert_eq!(attribute(&span, "http.response.status_code"), Some(status.to_string()));
    }
}

// Which trace it belongs to

#[test]
fn the_parent_in_the_headers_is_continued() {
    let recorded = Recorded::default();
    drop(respond(
        &layer(&recorded),
        request(&[("traceparent", PARENT)]),
        Response::new(Empty::<Bytes>::new()),
    ));
    let span = recorded.one();
    assert_eq!(span.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    assert!(span.parent_span_is_remote);
}

#[test]
fn tr_1_trust_is_decided_per_request() {
    let trace_id = &PARENT[3..35];
    for (trust, continues, links) in [("", true, 0), ("restart", false, 1), ("ignore", false, 0)] {
        let recorded = Recorded::default();
        let layer = layer(&recorded).trust(|request| {
            match request.headers().get("x-trust").map(|value| value.as_bytes()) {
                Some(b"restart") => Trust::Restart,
                Some(b"ignore") => Trust::Ignore,
                _ => Trust::Continue,
            }
        });
        let request = request(&[("traceparent", PARENT), ("baggage", "a=1"), ("x-trust", trust)]);
        let mut baggage = None;
        let service = service_fn(|_: Request<()>| {
            baggage = Some(TraceContext::current().baggage().len());
            ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
        });
        assert!(poll(pin!(layer.layer(service).call(request))).is_ready());
        let span = recorded.one();
        assert_eq!(span.span_context.trace_id().to_string() == trace_id, continues, "{trust}");
        assert_eq!((span.links.len(), baggage), (links, Some(usize::from(continues))), "{trust}");
    }
}

#[test]
fn bo_2_the_trace_that_is_not_continued_becomes_a_link() {
    let recorded = Recorded::default();
    let request = request(&[("traceparent", PARENT), ("sentry-trace", OTHER)]);
    drop(respond(&layer(&recorded), request, Response::new(Empty::<Bytes>::new())));
    let span = recorded.one();
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    let links: Vec<_> =
        span.links.iter().map(|link| link.span_context.span_id().to_string()).collect();
    assert_eq!(links, ["00f067aa0ba902b7"]);
}

#[test]
fn a_malformed_header_is_counted_and_fails_nothing() {
    let recorded = Recorded::default();
    let counted = Counted::default();
    let layer = layer(&recorded).meter_provider(counted.clone());
    let response = respond(
        &layer,
        request(&[("traceparent", "00-secret"), ("tracestate", "a=1")]),
        Response::new(Empty::<Bytes>::new()),
    );
    assert_eq!(response.status(), 200);
    assert_eq!(recorded.one().parent_span_id.to_string(), "0000000000000000");
    assert_eq!(
        *counted.0.lock().unwrap(),
        [
            "throughline.propagation.refused 1 format=traceparent rule=TP-3",
            "throughline.propagation.refused 1 format=tracestate rule=TS-1",
        ]
    );
}

/// Counters as lines of text.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<Mutex<Vec<String>>>);

impl MeterProvider for Counted {
    fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(self.clone()))
    }
}

impl InstrumentProvider for Counted {
    fn u64_counter(&self, builder: InstrumentBuilder<'_, Counter<u64>>) -> Counter<u64> {
        Counter::new(Arc::new(NamedCounter {
            name: builder.name.to_string(),
            counted: self.clone(),
        }))
    }
}

struct NamedCounter {
    name: String,
    counted: Counted,
}

impl SyncInstrument<u64> for NamedCounter {
    fn measure(&self, value: u64, attributes: &[KeyValue]) {
        let labels: String =
            attributes.iter().map(|label| format!(" {}={}", label.key, label.value)).collect();
        self.counted.0.lock().unwrap().push(format!("{} {value}{labels}", self.name));
    }
}

proptest! {
    #[test]
    fn no_header_fails_a_request(
        name in prop::sample::select(vec!["traceparent", "tracestate", "sentry-trace", "baggage", "host"]),
        value in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let Ok(value) = ::http::HeaderValue::from_bytes(&value) else { return Ok(()) };
        let recorded = Recorded::default();
        let mut request = request(&[("traceparent", PARENT)]);
        request.headers_mut().append(name, value);
        drop(respond(&layer(&recorded), request, Response::new(Empty::<Bytes>::new())));
        prop_assert_eq!(error_type(&recorded.one()), None);
    }
}
