//! Each peer's client layer around a service that does nothing, warm, in the context of a handler.

use bytes::Bytes;
use fastrace::prelude::{Span, SpanContext};
use fastrace_tower::{FastraceClientLayer, FastraceClientService};
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Uri};
use http_body_util::Empty;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{FutureExt as _, SpanKind, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, ContextGuard, KeyValue, global};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tower::{Layer as _, Service as _};
use tower_otel::{metrics, trace};
use tracing::Level;
use tracing::span::EnteredSpan;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::client_work::{Bare, request, send, send_with, uri};
use crate::installed;

/// A client that is leaked, so that no bench counts its drop.
pub(crate) type Input<'a, S> = (&'a mut S, &'static Uri);

pub(crate) type ByHand<'a> = Input<'a, Bare>;
pub(crate) type TowerOtel<'a> = Input<'a, trace::Http<Bare>>;
pub(crate) type TowerOtelMeasured<'a> = Input<'a, metrics::Http<trace::Http<Bare>>>;
pub(crate) type Fastrace<'a> = Input<'a, FastraceClientService<Bare>>;

/// Injects the context of the handler, as OpenTelemetry's documentation has it.
pub(crate) fn inject((client, uri): ByHand<'_>) {
    let mut request = request(uri, ());
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Context::current(), &mut HeaderInjector(request.headers_mut()));
    });
    assert!(client.call(request).now_or_never().is_some());
}

/// Does so inside a span with the attributes that the conventions require of a client.
pub(crate) fn traced_by_hand((client, uri): ByHand<'_>) {
    assert!(traced(client, request(uri, ())).now_or_never().is_some());
}

async fn traced(client: &mut Bare, mut request: Request<()>) {
    let tracer = global::tracer("client");
    let uri = request.uri();
    let span = tracer
        .span_builder("POST")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("server.address", uri.host().unwrap_or_default().to_owned()),
            KeyValue::new("server.port", i64::from(uri.port_u16().unwrap_or(80))),
            KeyValue::new("url.full", uri.to_string()),
        ])
        .start(&tracer);
    let context = Context::current_with_span(span);
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeaderInjector(request.headers_mut()));
    });
    let Ok(response) = client.call(request).with_context(context.clone()).await;
    let status = i64::from(response.status().as_u16());
    context.span().set_attribute(KeyValue::new("http.response.status_code", status));
}

pub(crate) fn by_hand(headers: HeaderMap) -> ByHand<'static> {
    inside(&headers);
    warm(Bare, |(client, uri)| {
        inject((client, uri));
        traced_by_hand((client, uri));
    })
}

pub(crate) fn tower_otel(headers: HeaderMap) -> TowerOtel<'static> {
    inside_tracing(&headers);
    warm(trace::HttpLayer::client(Level::INFO).layer(Bare), |(client, uri)| send(client, uri))
}

pub(crate) fn tower_otel_measured(headers: HeaderMap) -> TowerOtelMeasured<'static> {
    let meter = inside_tracing(&headers).meter("tower-otel");
    let spans = trace::HttpLayer::client(Level::INFO).layer(Bare);
    warm(metrics::HttpLayer::client(&meter).layer(spans), send_empty)
}

/// Its metrics ask for a body.
pub(crate) fn send_empty((client, uri): TowerOtelMeasured<'_>) {
    send_with(client, uri, Empty::<Bytes>::new());
}

pub(crate) fn fastrace(headers: HeaderMap) -> Fastrace<'static> {
    installed::fastrace();
    let text = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let parent = text.and_then(SpanContext::decode_w3c_traceparent).expect("a valid traceparent");
    let handler: &'static Span = Box::leak(Box::new(Span::root("handler", parent)));
    let _: &'static _ = Box::leak(Box::new(handler.set_local_parent()));
    warm(FastraceClientLayer.layer(Bare), |(client, uri)| send(client, uri))
}

/// The handler's context, current until the process ends.
fn inside(headers: &HeaderMap) {
    installed::opentelemetry();
    let _: &'static ContextGuard = Box::leak(Box::new(extracted(headers).attach()));
}

/// The handler's span by `tracing`, current until the process ends.
fn inside_tracing(headers: &HeaderMap) -> &'static SdkMeterProvider {
    let meters = installed::tracing();
    let handler = tracing::info_span!("handler");
    handler.set_parent(extracted(headers)).expect("the subscriber is there");
    let _: &'static EnteredSpan = Box::leak(Box::new(handler.entered()));
    meters
}

fn extracted(headers: &HeaderMap) -> Context {
    global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers))
    })
}

/// Does the work before: what is done once per process is not counted.
fn warm<S>(client: S, work: impl Fn(Input<'_, S>)) -> Input<'static, S> {
    let (client, uri) = (Box::leak(Box::new(client)), Box::leak(Box::new(uri())));
    for _ in 0..3 {
        work((client, uri));
    }
    (client, uri)
}
