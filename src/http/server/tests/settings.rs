//! What the setters of the layer change.

use std::net::IpAddr;

use opentelemetry::trace::{Link, TraceId};
use opentelemetry_sdk::trace::{
    Sampler, SamplingDecision, SamplingResult, SdkTracerProvider, ShouldSample, SpanData,
};

use super::*;
use crate::http::{Ending, Outcome, PeerAddress, ResponseHeader, SpanEnd};
use crate::otel::ContextExt;
use crate::propagation::{Propagator, SentryConfig};

fn empty() -> Response<Empty<Bytes>> {
    Response::new(Empty::new())
}

// Hooks

#[test]
fn a_hook_names_the_span() {
    let recorded = Recorded::default();
    let layer = layer(&recorded)
        .route(|_| Some("/users/{id}"))
        .span_name(|request| format!("call {}", request.method()));
    drop(respond(&layer, request(&[]), empty()));
    assert_eq!(recorded.one().name, "call GET");
}

#[test]
fn hooks_see_request_and_response_and_may_add_to_the_span() {
    let recorded = Recorded::default();
    let layer = layer(&recorded)
        .on_request(|request, span| {
            assert!(TraceContext::current().parent().is_some(), "the span is current");
            span.set_attribute(KeyValue::new("path", request.path().to_owned()));
        })
        .on_response(|response, span| {
            span.set_attribute(KeyValue::new("answer", i64::from(response.status().as_u16())));
        });
    drop(respond(&layer, request(&[]), empty()));
    let span = recorded.one();
    assert_eq!(attribute(&span, "path").as_deref(), Some("/users/7"));
    assert_eq!(attribute(&span, "answer").as_deref(), Some("200"));
}

#[test]
fn a_panic_of_a_hook_is_one_of_the_request() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).on_request(|_, _| panic!("told to"));
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(empty())));
    let mut service = layer.layer(inner);
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(request(&[])))).is_err());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
}

#[test]
fn a_hook_of_the_end_that_panics_changes_nothing_even_in_a_panic() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).classify_error(|_| panic!("told to")).on_end(|_, _| panic!("too"));
    let inner = service_fn(async |_: Request<()>| -> Result<Response<Empty<Bytes>>, Infallible> {
        panic!("first")
    });
    let mut service = layer.layer(inner);
    let panicked = catch_unwind(AssertUnwindSafe(|| poll(pin!(service.call(request(&[]))))));
    assert_eq!(panicked.err().and_then(|told| told.downcast().ok()), Some(Box::new("first")));
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));

    let mut response = empty();
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    drop(respond(&layer, request(&[]), response));
    assert_eq!(error_type(&recorded.all()[1]).as_deref(), Some("502"));
}

#[test]
fn an_inner_layer_leaves_what_is_current_where_it_is_polled() {
    let recorded = Recorded::default();
    let inner = service_fn(async |_: Request<()>| {
        let trace = TraceContext::current();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(format!("{:?}", trace.parent())))))
    });
    // The inner layer is called on another task, as behind a buffer.
    let called_elsewhere = service_fn(|request: Request<()>| {
        let _elsewhere = Context::new().attach();
        layer(&Recorded::default()).layer(inner).call(request)
    });
    let mut service = layer(&recorded).layer(called_elsewhere);
    let Poll::Ready(Ok(response)) = poll(pin!(service.call(request(&[("traceparent", PARENT)]))))
    else {
        panic!("it is ready")
    };
    let Poll::Ready(Some(Ok(frame))) = poll_frame(pin!(response.into_body())) else {
        panic!("it has a frame")
    };
    let seen = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
    let span = recorded.one().span_context.span_id().to_string();
    assert!(seen.contains(&span), "{seen}");
}

#[test]
fn without_an_sdk_no_header_tells_callers_their_own_span() {
    let provider = opentelemetry::trace::noop::NoopTracerProvider::new();
    let layer =
        ServerLayer::new().tracer_provider(provider).response_header(ResponseHeader::TraceResponse);
    let response = respond(&layer, request(&[("traceparent", PARENT)]), empty());
    assert!(response.headers().is_empty(), "{:?}", response.headers());
}

#[test]
fn the_end_is_told_once_however_it_comes() {
    for (steps, status, polls, ending, error_type, bytes) in [
        (vec![Step::Data("abc")], 200, 2, Ending::Complete, None, 3),
        (vec![Step::Data("abc")], 503, 2, Ending::Complete, Some("503"), 3),
        (vec![], 101, 0, Ending::Upgraded, None, 0),
        (vec![Step::Data("ab"), Step::Fail], 200, 3, Ending::Failed, Some("core::fmt::Error"), 2),
        (vec![Step::Data("ab"), Step::Pending], 200, 2, Ending::Cancelled, Some("cancelled"), 2),
        (vec![Step::Panic], 200, 1, Ending::Panicked, Some("panic"), 0),
    ] {
        let recorded = Recorded::default();
        let ends = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&ends);
        let layer = layer(&recorded).route(|_| Some("/route")).on_end(move |end, span| {
            assert!(span.span_context().is_valid());
            told.lock().unwrap().push((
                end.ending(),
                end.error_type().map(str::to_owned),
                end.status().map(|status| status.as_u16()),
                end.route().map(str::to_owned),
                end.body_bytes(),
            ));
        });
        let mut response = Response::new(Script::of(steps));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let body = respond(&layer, request(&[]), response).into_body();
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let mut body = pin!(body);
            for _ in 0..polls {
                let _ = poll_frame(body.as_mut());
            }
        }));
        let expected =
            (ending, error_type.map(str::to_owned), Some(status), Some("/route".to_owned()), bytes);
        assert_eq!(*ends.lock().unwrap(), [expected]);
        assert_eq!(recorded.all().len(), 1);
    }
}

#[test]
fn what_is_an_error_is_up_to_the_classifier() {
    let classify = |outcome: Outcome<'_>| match outcome {
        Outcome::Cancelled => None,
        Outcome::Response(response) if response.status() == StatusCode::NOT_FOUND => {
            Some("missing".into())
        }
        Outcome::BodyError(name) => Some(format!("body {name}").into()),
        other => other.error_type(),
    };
    for (step, status, polls, expected) in [
        (Step::Data("a"), 404, 2, Some("missing")),
        (Step::Data("a"), 500, 2, Some("500")),
        (Step::Pending, 200, 1, None),
        (Step::Fail, 200, 1, Some("body core::fmt::Error")),
    ] {
        let recorded = Recorded::default();
        let mut response = Response::new(Script::of([step]));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let layer = layer(&recorded).classify_error(classify);
        {
            let mut body = pin!(respond(&layer, request(&[]), response).into_body());
            for _ in 0..polls {
                let _ = poll_frame(body.as_mut());
            }
        }
        assert_eq!(error_type(&recorded.one()).as_deref(), expected);
    }
}

// Attributes

#[test]
fn only_headers_that_are_asked_for_become_attributes_and_credentials_never() {
    let recorded = Recorded::default();
    let layer = layer(&recorded)
        .capture_request_headers(["x-tenant", "authorization"])
        .capture_response_headers(["x-cost", "set-cookie"]);
    let mut response = empty();
    for (name, value) in [("x-cost", "3"), ("set-cookie", "secret"), ("x-other", "secret")] {
        response.headers_mut().insert(name, ::http::HeaderValue::from_static(value));
    }
    let request =
        request(&[("x-tenant", "blue"), ("authorization", "secret"), ("x-other", "secret")]);
    drop(respond(&layer, request, response));
    let span = recorded.one();
    let shown: Vec<_> = span
        .attributes
        .iter()
        .filter(|pair| pair.key.as_str().contains(".header."))
        .map(|pair| format!("{}={}", pair.key, pair.value))
        .collect();
    assert_eq!(
        shown,
        [
            r#"http.request.header.x-tenant=["blue"]"#,
            r#"http.request.header.authorization=["REDACTED"]"#,
            r#"http.response.header.x-cost=["3"]"#,
            r#"http.response.header.set-cookie=["REDACTED"]"#,
        ]
    );
    assert!(!format!("{span:?}").contains("secret"));
}

#[test]
fn a_query_is_shown_on_demand_and_redacted() {
    for (capture, expected) in [(false, None), (true, Some("token=REDACTED"))] {
        let recorded = Recorded::default();
        let mut layer = layer(&recorded).redact_query(["token"]);
        if capture {
            layer = layer.capture_query();
        }
        drop(respond(&layer, request(&[]), empty()));
        assert_eq!(attribute(&recorded.one(), "url.query").as_deref(), expected);
    }
}

#[test]
fn a_peers_word_about_the_client_counts_only_if_it_is_trusted() {
    for (peer, client, scheme, server) in [
        ("10.0.0.1", "1.1.1.1", "https", Some("shop.example")),
        ("8.8.8.8", "8.8.8.8", "http", Some("inner")),
    ] {
        let recorded = Recorded::default();
        let layer = layer(&recorded)
            .trusted_proxies(|peer| matches!(peer, IpAddr::V4(address) if address.is_private()));
        let said = "for=1.1.1.1;proto=https;host=shop.example";
        let mut request = request(&[("forwarded", said), ("host", "inner")]);
        request.extensions_mut().insert(PeerAddress(format!("{peer}:7").parse().unwrap()));
        drop(respond(&layer, request, empty()));
        let span = recorded.one();
        assert_eq!(attribute(&span, "client.address").as_deref(), Some(client));
        assert_eq!(attribute(&span, "network.peer.address").as_deref(), Some(peer));
        assert_eq!(attribute(&span, "network.peer.port").as_deref(), Some("7"));
        assert_eq!(attribute(&span, "url.scheme").as_deref(), Some(scheme));
        assert_eq!(attribute(&span, "server.address").as_deref(), server);
    }
}

#[test]
fn a_second_peer_is_not_taken_for_the_first() {
    let recorded = Recorded::default();
    let layer = layer(&recorded);
    for peer in ["1.1.1.1:7", "2.2.2.2:7", "[::ffff:1.1.1.1]:7", "1.1.1.1:8"] {
        let mut request = request(&[]);
        request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
        drop(respond(&layer, request, empty()));
    }
    let addresses: Vec<_> = recorded
        .all()
        .iter()
        .map(|span| ["client.address", "network.peer.address"].map(|key| attribute(span, key)))
        .map(|addresses| addresses.map(Option::unwrap))
        .collect();
    assert_eq!(
        addresses,
        [
            ["1.1.1.1", "1.1.1.1"],
            ["2.2.2.2", "2.2.2.2"],
            ["1.1.1.1", "::ffff:1.1.1.1"],
            ["1.1.1.1", "1.1.1.1"],
        ]
    );
}

#[test]
fn a_second_host_is_not_taken_for_the_first() {
    let recorded = Recorded::default();
    let layer = layer(&recorded);
    for host in ["a", "b", "a"] {
        drop(respond(&layer, request(&[("host", host)]), empty()));
    }
    let hosts: Vec<_> =
        recorded.all().iter().map(|span| attribute(span, "server.address").unwrap()).collect();
    assert_eq!(hosts, ["a", "b", "a"]);
}

// Sampling

/// Keeps what asks for it, whatever the parent says.
#[derive(Clone, Debug)]
pub(super) struct KeepsDebug;

impl ShouldSample for KeepsDebug {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result =
            Sampler::AlwaysOff.should_sample(parent, trace_id, name, kind, attributes, links);
        if attributes.iter().any(|attribute| attribute.key.as_str() == "debug") {
            result.decision = SamplingDecision::RecordAndSample;
        }
        result
    }
}

#[test]
fn the_sampler_sees_the_hint_even_if_the_parent_was_dropped() {
    let unsampled = PARENT.replace("-01", "-00");
    for (parent, asks, kept) in
        [(unsampled.as_str(), true, 1), (unsampled.as_str(), false, 0), (PARENT, true, 1)]
    {
        let recorded = Recorded::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(KeepsDebug)
            .with_simple_exporter(recorded.clone())
            .build();
        let layer = ServerLayer::new()
            .tracer_provider(provider)
            .sampling_hint(move |_| asks.then(|| KeyValue::new("debug", true)));
        drop(respond(&layer, request(&[("traceparent", parent)]), empty()));
        let spans = recorded.all();
        assert_eq!(spans.len(), kept);
        for span in spans {
            assert_eq!(attribute(&span, "debug").as_deref(), Some("true"));
            assert_eq!(attribute(&span, "url.path").as_deref(), Some("/users/7"));
        }
    }
}

fn state_of(span: &SpanData) -> String {
    span.span_context.trace_state().header()
}

#[test]
fn a_sampled_span_shows_the_tracestate_unless_told_otherwise_and_it_is_passed_on_either_way() {
    for (mirror, shown) in [(true, "v=1"), (false, "")] {
        let recorded = Recorded::default();
        let mut passed_on = String::new();
        let inner = service_fn(|_: Request<()>| {
            passed_on = TraceContext::current().trace_state().as_str().to_owned();
            ready(Ok::<_, Infallible>(empty()))
        });
        let mut service = layer(&recorded).mirror_trace_state(mirror).layer(inner);
        let request = request(&[("traceparent", PARENT), ("tracestate", "v=1")]);
        assert!(poll(pin!(service.call(request))).is_ready());
        drop(service);
        assert_eq!((state_of(&recorded.one()).as_str(), passed_on.as_str()), (shown, "v=1"));
    }
}

#[test]
fn without_a_span_the_tracestate_is_not_mirrored() {
    let inner = service_fn(|_: Request<()>| {
        let cx = Context::current();
        assert_eq!(cx.span().span_context().trace_state().header(), "");
        assert_eq!(cx.trace_context().trace_state().as_str(), "v=1");
        ready(Ok::<_, Infallible>(empty()))
    });
    let request = request(&[("traceparent", PARENT), ("tracestate", "v=1")]);
    assert!(poll(pin!(ServerLayer::propagate_only().layer(inner).call(request))).is_ready());
}

#[test]
fn se_6_the_head_of_a_trace_names_its_transaction() {
    let sentry = || Propagator::default().sentry(SentryConfig::new());
    for (propagator, parent, expected) in [
        (sentry(), None, Some("GET /users/{id}")),
        (sentry(), Some(PARENT), None),
        (Propagator::default(), None, None),
    ] {
        let mut transaction = None;
        let inner = service_fn(|_: Request<()>| {
            transaction = TraceContext::current().transaction().map(str::to_owned);
            ready(Ok::<_, Infallible>(empty()))
        });
        let mut service = layer(&Recorded::default())
            .propagation(propagator)
            .route(|_| Some("/users/{id}"))
            .layer(inner);
        let headers: Vec<_> = parent.map(|parent| ("traceparent", parent)).into_iter().collect();
        assert!(poll(pin!(service.call(request(&headers)))).is_ready());
        drop(service);
        assert_eq!(transaction.as_deref(), expected);
    }
}

// What goes out, and when it ends

#[test]
fn callers_are_told_the_span_of_their_request_if_somebody_wants_that() {
    let recorded = Recorded::default();
    let mut response = empty();
    response.headers_mut().insert("server-timing", ::http::HeaderValue::from_static("db;dur=5"));
    let layer = layer(&recorded)
        .response_header(ResponseHeader::ServerTiming)
        .response_header(ResponseHeader::ServerTiming)
        .response_header(ResponseHeader::TraceResponse);
    let response = respond(&layer, request(&[("traceparent", PARENT)]), response);
    let id = recorded.one().span_context.span_id();
    let told = format!("00-0af7651916cd43dd8448eb211c80319c-{id}-01");
    assert_eq!(response.headers()["traceresponse"], told);
    let timing: Vec<_> = response.headers().get_all("server-timing").iter().collect();
    assert_eq!(timing, ["db;dur=5", &format!("traceparent;desc=\"{told}\"")]);

    let untold = respond(&ServerLayer::propagate_only(), request(&[]), empty());
    assert!(untold.headers().is_empty());
}

#[test]
fn a_span_may_end_at_the_headers() {
    let recorded = Recorded::default();
    let layer = layer(&recorded).span_end(SpanEnd::Headers);
    let body = Script::of([Step::Data("a"), Step::Fail]);
    {
        let mut body = pin!(respond(&layer, request(&[]), Response::new(body)).into_body());
        assert_eq!(error_type(&recorded.one()), None);
        assert!(poll_frame(body.as_mut()).is_ready());
        assert!(poll_frame(body.as_mut()).is_ready());
    }
    assert_eq!(error_type(&recorded.one()), None, "what becomes of the body does not count");
}

#[test]
fn a_layer_that_is_applied_twice_makes_one_span() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    let inner = layer(&recorded).layer(service_fn(|_: Request<()>| {
        seen.note("call");
        ready(Ok::<_, Infallible>(Response::new(NotingBody(seen.clone()))))
    }));
    let mut service = layer(&recorded).layer(inner);
    let Poll::Ready(Ok(response)) = poll(pin!(service.call(request(&[("traceparent", PARENT)]))))
    else {
        panic!("it is ready")
    };
    assert!(recorded.all().is_empty(), "the body is still to come");
    assert!(poll_frame(pin!(response.into_body())).is_ready());
    let id = recorded.one().span_context.span_id().to_string();
    assert_eq!(seen.inside(), ["call", "body"].map(|place| (place, Some(id.clone()))));
}

#[test]
fn a_request_that_is_made_inside_a_handler_has_a_span_of_its_own() {
    let recorded = Recorded::default();
    let inner = layer(&recorded);
    let mut service = layer(&recorded).layer(service_fn(|_: Request<()>| {
        drop(respond(&inner, request(&[]), empty()));
        ready(Ok::<_, Infallible>(empty()))
    }));
    assert!(poll(pin!(service.call(request(&[])))).is_ready());
    assert_eq!(recorded.all().len(), 2);
}

#[test]
fn a_layer_inside_one_that_only_propagates_makes_its_span() {
    let recorded = Recorded::default();
    let inner =
        layer(&recorded).layer(service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(empty()))));
    let mut service = ServerLayer::propagate_only().layer(inner);
    assert!(poll(pin!(service.call(request(&[("traceparent", PARENT)])))).is_ready());
    assert_eq!(recorded.one().parent_span_id.to_string(), "b7ad6b7169203331");
}
