//! Spans of `tracing`: whose child a call is, and what is left alone where it has no span.

use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use tracing::info_span;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer as _, registry};

use super::*;
use crate::http::Spans;

fn layer() -> ClientLayer {
    ClientLayer::new().spans(Spans::Tracing)
}

/// Subscribes this thread, with or without the layer's own spans.
fn exported(recorded: &Recorded, activates: bool, own: bool) -> DefaultGuard {
    let exporter = tracing_opentelemetry::layer()
        .with_tracer(recorded.provider().tracer("test"))
        .with_context_activation(activates);
    let wanted = filter_fn(move |span| own || span.target() != "throughline::http");
    set_default(registry().with(exporter.with_filter(wanted.and(LevelFilter::INFO))))
}

/// Parent of a call that is made here, by the headers of a call without a span.
fn parent(layer: &ClientLayer) -> String {
    let headers = sent(layer, request("http://api.example/", &[]));
    let parent = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
    parent.map_or_else(String::new, |text| text[36..52].to_owned())
}

fn span<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let mut named = spans.iter().filter(|span| span.name == name);
    let span = named.next().unwrap_or_else(|| panic!("no {name} in {spans:?}"));
    assert!(named.next().is_none(), "{name} is there twice");
    span
}

fn id(span: &SpanData) -> String {
    span.span_context.span_id().to_string()
}

#[test]
fn a_call_is_a_child_of_the_span_of_tracing_around_it() {
    for activates in [true, false] {
        let recorded = Recorded::default();
        let _subscribed = exported(&recorded, activates, true);
        let outer = info_span!("outer");
        let told = outer.in_scope(|| parent(&layer()));
        drop(outer);
        let spans = recorded.all();
        let (call, outer) = (span(&spans, "GET"), span(&spans, "outer"));
        assert_eq!((call.parent_span_id, told), (outer.span_context.span_id(), id(call)));
    }
}

#[test]
fn without_a_span_of_its_own_a_call_tells_the_one_of_tracing_around_it() {
    for activates in [true, false] {
        let recorded = Recorded::default();
        let _subscribed = exported(&recorded, activates, false);
        let outer = info_span!("outer");
        let told = outer.in_scope(|| parent(&layer()));
        let filtered = outer.in_scope(|| parent(&layer().filter(|_| false)));
        drop(outer);
        let outer = recorded.one();
        assert_eq!((&told, &filtered), (&id(&outer), &id(&outer)), "{activates}");
    }
}

#[test]
fn a_span_of_opentelemetry_inside_one_of_tracing_is_the_parent() {
    for own in [true, false] {
        let recorded = Recorded::default();
        let _subscribed = exported(&recorded, true, own);
        let told = info_span!("outer").in_scope(|| {
            let tracer = recorded.provider().tracer("test");
            tracer.in_span("inner", |_| parent(&layer()))
        });
        let spans = recorded.all();
        let inner = span(&spans, "inner");
        if own {
            let call = span(&spans, "GET");
            assert_eq!((call.parent_span_id, told), (inner.span_context.span_id(), id(call)));
        } else {
            assert_eq!(told, id(inner));
        }
    }
}

#[test]
fn a_callers_span_is_neither_ended_nor_written_to_by_a_call_without_one() {
    let recorded = Recorded::default();
    let tracer = recorded.provider().tracer("test");
    let cx = Context::new().with_span(tracer.start_with_context("caller", &Context::new()));
    let _current = cx.clone().attach();
    let layer = layer().on_request(|_, span| span.set_attribute(KeyValue::new("hooked", true)));
    let headers = sent(&layer, request("http://api.example/", &[]));
    assert!(recorded.all().is_empty(), "it is not ended");
    let told = headers.get("traceparent").unwrap().to_str().unwrap();
    assert_eq!(told[36..52], cx.span().span_context().span_id().to_string());
    cx.span().end();
    assert_eq!(attribute(&recorded.one(), "hooked"), None);
}

#[test]
fn a_call_that_is_dropped_before_its_response_ends_its_span_and_is_no_error() {
    let recorded = Recorded::default();
    let _subscribed = exported(&recorded, true, true);
    let inner = service_fn(|_: Request<()>| pending::<Result<Response<String>, Infallible>>());
    {
        let mut service = layer().layer(inner);
        assert!(poll(pin!(service.call(request("http://api.example/", &[])))).is_pending());
    }
    assert_eq!(error_type(&recorded.one()), None);
}
