//! Spans of `tracing`: what is the same as with OpenTelemetry's own, and what is not.

use std::collections::HashSet;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};
use tracing::{Span, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer as _, registry};

use super::*;
use crate::http::recorded_metrics::RecordedMetrics;
use crate::http::{Spans, TracedBody};
use crate::otel::learned;

fn layer() -> ServerLayer {
    ServerLayer::new().spans(Spans::Tracing)
}

/// Subscribes this thread.
fn exported(provider: &SdkTracerProvider) -> DefaultGuard {
    let tracer = provider.tracer("test");
    set_default(registry().with(tracing_opentelemetry::layer().with_tracer(tracer)))
}

fn traced<B: Body>(body: B) -> TracedBody<B> {
    respond(&layer(), request(&[]), Response::new(body)).into_body()
}

fn empty() -> Response<Empty<Bytes>> {
    Response::new(Empty::new())
}

fn assert_nothing_is_said_twice(span: &SpanData) {
    let mut keys = HashSet::new();
    for attribute in &span.attributes {
        assert!(keys.insert(&attribute.key), "{} is there twice", attribute.key);
    }
}

#[test]
fn a_span_of_tracing_says_what_one_of_opentelemetry_says() {
    let (direct, recorded) = (Recorded::default(), Recorded::default());
    let _subscribed = exported(&recorded.provider());
    for layer in [ServerLayer::new().tracer_provider(direct.provider()), layer()] {
        let mut response = empty();
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        let request = request(&[("traceparent", PARENT), ("host", "api.example:8080")]);
        drop(respond(&layer.route(|_| Some("/users/{id}")), request, response));
    }
    let (direct, span) = (direct.one(), recorded.one());
    assert_eq!((&span.name, &span.span_kind), (&direct.name, &direct.span_kind));
    assert_eq!((span.parent_span_id, &span.status), (direct.parent_span_id, &direct.status));
    for said in &direct.attributes {
        let value = span.attributes.iter().find(|pair| pair.key == said.key);
        assert_eq!(value.map(|pair| &pair.value), Some(&said.value), "{}", said.key);
    }
    assert_nothing_is_said_twice(&span);
}

#[test]
fn log_lines_are_told_the_ids_that_are_exported() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    drop(respond(&layer(), request(&[("traceparent", PARENT)]), empty()));
    let span = recorded.one();
    let id = span.span_context.span_id().to_string();
    assert_eq!(attribute(&span, "trace_id").as_deref(), Some(&PARENT[3..35]));
    assert_eq!(attribute(&span, "span_id"), Some(id));
}

#[test]
fn the_span_is_current_in_call_poll_and_body_and_nowhere_else() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    let _subscribed = exported(&recorded.provider());
    yields(|| seen.run(&layer(), request(&[("traceparent", PARENT)])));
    let id = recorded.one().span_context.span_id().to_string();
    assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
    assert!(Span::current().is_none());
}

#[test]
fn tp_10_where_nobody_exports_the_span_what_came_in_is_current() {
    let off = Recorded::default();
    let exporter = tracing_opentelemetry::layer().with_tracer(off.provider().tracer("test"));
    let subscribers = [
        tracing::Dispatch::new(NoSubscriber::default()),
        tracing::Dispatch::new(registry()),
        tracing::Dispatch::new(registry().with(exporter.with_filter(LevelFilter::WARN))),
    ];
    for subscriber in subscribers {
        let seen = Seen::default();
        let _subscribed = tracing::dispatcher::set_default(&subscriber);
        yields(|| seen.run(&layer(), request(&[("traceparent", PARENT)])));
        let id = "b7ad6b7169203331".to_owned();
        assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
    }
    assert!(off.all().is_empty());
}

#[test]
fn bo_4_what_is_current_around_the_layer_is_not_continued() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    let ambient = info_span!("ambient");
    ambient.in_scope(|| drop(respond(&layer(), request(&[]), empty())));
    drop(ambient);
    let spans = recorded.all();
    assert_eq!(spans.len(), 2);
    assert_ne!(spans[0].span_context.trace_id(), spans[1].span_context.trace_id());
}

#[test]
fn bo_2_the_trace_that_is_not_continued_becomes_a_link() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    let layer = layer().trust(|_| Trust::Restart);
    drop(respond(&layer, request(&[("traceparent", PARENT)]), empty()));
    let span = recorded.one();
    assert_eq!(
        span.links.iter().next().unwrap().span_context.trace_id().to_string(),
        PARENT[3..35]
    );
    assert_ne!(span.span_context.trace_id().to_string(), PARENT[3..35]);
}

#[test]
fn the_sampler_sees_name_attributes_and_hint() {
    let recorded = Recorded::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(settings::KeepsDebug)
        .with_simple_exporter(recorded.clone())
        .build();
    let _subscribed = exported(&provider);
    for asks in [false, true] {
        let layer = layer().sampling_hint(move |_| asks.then(|| KeyValue::new("debug", true)));
        drop(respond(&layer, request(&[("traceparent", PARENT)]), empty()));
        assert_eq!(recorded.all().len(), usize::from(asks));
    }
    assert_eq!(attribute(&recorded.one(), "url.path").as_deref(), Some("/users/7"));
}

#[test]
fn an_unsampled_request_has_ids_of_its_own_and_is_not_exported() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    let _subscribed = exported(&recorded.sampled_by(Sampler::AlwaysOff));
    yields(|| seen.run(&layer(), request(&[("traceparent", PARENT)])));
    let parents: HashSet<_> = seen.inside().into_iter().map(|(_, parent)| parent).collect();
    assert_eq!(parents.len(), 1);
    assert!(!parents.contains(&Some("b7ad6b7169203331".to_owned())));
    assert!(recorded.all().is_empty());
}

#[test]
fn a_name_that_turns_out_late_is_told_once() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    let inner = service_fn(|_: Request<()>| {
        let cx = Context::current();
        learned(&cx).unwrap().tell_transaction(Arc::new("GET /late".to_owned()));
        cx.span().update_name("GET /late");
        ready(Ok::<_, Infallible>(empty()))
    });
    assert!(poll(pin!(layer().layer(inner).call(request(&[])))).is_ready());
    let span = recorded.one();
    assert_eq!(span.name, "GET /late");
    assert_nothing_is_said_twice(&span);
}

#[test]
fn a_request_whose_span_nobody_wants_is_measured_and_its_end_is_told() {
    let metrics = RecordedMetrics::new();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&ends);
    let layer = layer()
        .meter_provider(metrics.provider())
        .on_end(move |end, _| told.lock().unwrap().push(end.status()));
    let _subscribed = set_default(NoSubscriber::default());
    drop(respond(&layer, request(&[]), empty()));
    assert_eq!(metrics.of("http.server.request.duration").len(), 1);
    assert_eq!(metrics.of("http.server.active_requests").len(), 1);
    assert_eq!(*ends.lock().unwrap(), [Some(StatusCode::OK)]);
}

#[test]
fn the_last_word_says_whose_spans_they_are() {
    let (named, exported_ones) = (Recorded::default(), Recorded::default());
    let _subscribed = exported(&exported_ones.provider());
    let provider = || named.provider();
    for (layer, named_count) in [
        (ServerLayer::new().tracer_provider(provider()).spans(Spans::OpenTelemetry), 1),
        (ServerLayer::new().tracer_provider(provider()).spans(Spans::Tracing), 1),
        (ServerLayer::new().spans(Spans::Tracing).tracer_provider(provider()), 2),
        (ServerLayer::propagate_only().spans(Spans::Tracing), 2),
    ] {
        drop(respond(&layer, request(&[]), empty()));
        assert_eq!(named.all().len(), named_count);
    }
    assert_eq!(exported_ones.all().len(), 2);
}

// Endings

#[test]
fn a_panic_is_an_error_and_goes_on() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    let inner = service_fn(async |_: Request<()>| -> Result<Response<Empty<Bytes>>, Infallible> {
        panic!("told to")
    });
    let mut service = layer().layer(inner);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(pin!(service.call(request(&[])))))).is_err());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
    assert!(TraceContext::current().is_empty() && Span::current().is_none());
}

#[test]
fn a_future_that_is_dropped_is_cancelled() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    let inner =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    {
        let mut service = layer().layer(inner);
        assert!(poll(pin!(service.call(request(&[])))).is_pending());
    }
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[test]
fn an_upgrade_ends_the_span() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    let mut response = Response::new(Script::of([Step::Pending]));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let connection = respond(&layer(), request(&[]), response);
    assert_eq!(error_type(&recorded.one()), None);
    drop(connection);
    assert_eq!(recorded.all().len(), 1);
}

#[test]
fn a_span_that_somebody_keeps_is_exported_with_the_end_of_its_body() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded.provider());
    let mut kept = Span::none();
    let inner = service_fn(|_: Request<()>| {
        kept = Span::current();
        ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("text"))))
    });
    let Poll::Ready(Ok(response)) = poll(pin!(layer().layer(inner).call(request(&[])))) else {
        panic!("it is ready")
    };
    assert!(recorded.all().is_empty());
    assert!(poll_frame(pin!(response.into_body())).is_ready());
    let ended = recorded.one().end_time;
    kept.in_scope(|| tracing::info!("still at work"));
    drop(kept);
    assert_eq!(recorded.one().end_time, ended);
}

/// Logs what it does, as clients of real exporters do.
#[derive(Debug)]
struct Talkative;

impl SpanExporter for Talkative {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        tracing::info!("exporting");
        Ok(())
    }
}

#[test]
fn what_an_exporter_logs_while_a_span_ends_does_not_wait_for_that_span() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let provider = SdkTracerProvider::builder().with_simple_exporter(Talkative).build();
        let _subscribed = exported(&provider);
        drop(respond(&layer().on_end(|_, _| ()), request(&[]), empty()));
        done.send(()).unwrap();
    });
    is_done.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
}

proptest! {
    #[test]
    fn every_way_to_end_ends_the_span_once(
        steps in any_steps(),
        polls in 0_usize..8,
    ) {
        let recorded = Recorded::default();
        let _subscribed = exported(&recorded.provider());
        read(traced(Script::of(steps)), polls);
        let span = recorded.one();
        error_type(&span);
        assert_nothing_is_said_twice(&span);
    }
}
