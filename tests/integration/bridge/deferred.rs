//! A trace whose sampling decision is still open when it comes in.

use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use opentelemetry_sdk::trace::{Sampler, ShouldSample};
use throughline::context::TraceContext;
use throughline::http::{ClientLayer, ClientService, ServerLayer};
use throughline::otel::{ParentBased, RatioBased};
use throughline::propagation::{Format, Propagator};
use throughline_testkit::InMemorySpans;
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt};

use crate::http::{PATIENCE, PlainClient, plain_client, request, serve, server_layer};

const IDS: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

/// What Sentry's SDKs send with it.
const SAMPLING_CONTEXT: &str =
    "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-sample_rand=0.250000";

/// A service that forwards every request without spans of its own.
async fn proxy(to: SocketAddr, propagator: &Propagator) -> SocketAddr {
    type Forward = (ClientService<PlainClient>, SocketAddr);
    async fn forward(State((client, to)): State<Forward>) -> StatusCode {
        client.oneshot(request("GET", to, "/")).await.unwrap().status()
    }
    let client = ClientLayer::propagate_only().propagation(propagator.clone());
    let server = ServerLayer::propagate_only().propagation(propagator.clone());
    let app = Router::new().route("/", get(forward)).layer(server);
    serve(app.with_state((client.layer(plain_client()), to))).await
}

/// What a service saw: the headers, and what it would have sent on.
#[derive(Clone, Debug)]
struct Seen {
    received: HeaderMap,
    sent_on: HeaderMap,
}

/// Sends a deferred `sentry-trace` through two proxies to a service with spans and that sampler.
async fn deferred(
    propagator: &Propagator,
    sampler: impl ShouldSample + 'static,
) -> (Seen, InMemorySpans) {
    type See = (mpsc::Sender<Seen>, Propagator);
    async fn see(State((seen, propagator)): State<See>, received: HeaderMap) {
        let mut sent_on = HeaderMap::new();
        propagator.inject(&TraceContext::current(), &mut sent_on);
        seen.send(Seen { received, sent_on }).await.unwrap();
    }

    let spans = InMemorySpans::new().sampler(Box::new(sampler) as Box<_>);
    let (sender, mut receiver) = mpsc::channel(1);
    let back = Router::new()
        .route("/", get(see))
        .layer(server_layer(&spans).propagation(propagator.clone()))
        .with_state((sender, propagator.clone()));
    let first = proxy(serve(back).await, propagator).await;
    let first = proxy(first, propagator).await;

    let mut sent = request("GET", first, "/");
    sent.headers_mut().insert("sentry-trace", HeaderValue::from_static(IDS));
    sent.headers_mut().insert("baggage", HeaderValue::from_static(SAMPLING_CONTEXT));
    assert_eq!(plain_client().request(sent).await.unwrap().status(), 200);
    (receiver.recv().await.unwrap(), spans)
}

#[tokio::test]
async fn se_3_a_deferred_decision_goes_on_until_a_sampler_makes_it() {
    let sentry_only = Propagator::default().accept([Format::Sentry]).emit([Format::Sentry]);
    // With traceparent beside it, whose flag has no form but 00 for an open decision.
    for propagator in [sentry_only, Propagator::default()] {
        for (root, sampled) in [(Sampler::AlwaysOn, true), (Sampler::AlwaysOff, false)] {
            let (seen, spans) = deferred(&propagator, ParentBased::new(root)).await;
            assert_eq!(seen.received["sentry-trace"], IDS, "nobody has decided on the way");
            let sent_on = seen.sent_on["sentry-trace"].to_str().unwrap();
            assert!(sent_on.ends_with(if sampled { "-1" } else { "-0" }), "{sent_on}");
            assert_eq!(sent_on[..32], IDS[..32]);
            assert_ne!(sent_on[33..49], IDS[33..49], "parent and decision change together");
            if sampled {
                let recorded = spans.wait_for(|spans| spans.len() == 1, PATIENCE).await.unwrap();
                assert_eq!(recorded[0].trace_id, IDS[..32]);
                assert_eq!(recorded[0].parent_span_id.as_deref(), Some(&IDS[33..]));
            } else {
                assert!(spans.finished().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn se_3_a_decision_by_sample_rand_stands_in_both_headers() {
    let propagator = Propagator::default();
    for (rate, sampled) in [(0.3, true), (0.25, false)] {
        let sampler = ParentBased::new(RatioBased::new(rate));
        let (seen, spans) = deferred(&propagator, sampler).await;
        assert_eq!(seen.received["traceparent"].as_bytes().last(), Some(&b'0'));
        let decided = |name: &str| seen.sent_on[name].to_str().unwrap().ends_with('1');
        assert_eq!(decided("sentry-trace"), sampled);
        assert_eq!(decided("traceparent"), sampled);
        assert_eq!(seen.sent_on["baggage"], SAMPLING_CONTEXT);
        assert!(!seen.sent_on.contains_key("tracestate"), "no threshold says it");
        if sampled {
            spans.wait_for(|spans| spans.len() == 1, PATIENCE).await.unwrap();
        } else {
            assert!(spans.finished().is_empty());
        }
    }
}

/// What the docs warn of: why [`ParentBased`] is there. Should the SDK's own sampler learn it, this
/// fails and the warning can go.
#[tokio::test]
async fn the_samplers_of_the_sdk_take_an_open_decision_for_a_no() {
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let (seen, spans) = deferred(&Propagator::default(), sampler).await;
    assert!(seen.sent_on["sentry-trace"].to_str().unwrap().ends_with("-0"));
    assert!(spans.finished().is_empty());
}
