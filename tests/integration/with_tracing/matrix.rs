//! What one request tells the next services, and which of its log lines have its trace id:
//! {layer, `#[instrument]` handler, client call, spawned task} in every combination of subscriber and
//! kind of span.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use http_body_util::Empty;
use opentelemetry::Context;
use throughline::http::{ClientLayer, ServerLayer, Spans};
use throughline::otel::ContextFuture;
use throughline::propagation::Propagator;
use throughline_testkit::InMemorySpans;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Instrument, instrument, warn};

use super::{Lines, Subscriber, TRACE_ID, received, way};

/// Where a call to the next service comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Handler,
    /// A task, spawned as is.
    Spawned,
    /// `.in_current_span()`, of `tracing`
    InCurrentSpan,
    /// `.in_context(Context::current())`, of this crate
    InContext,
    /// Both of them.
    InBoth,
}

#[derive(Clone, Debug)]
struct Caller {
    layer: ClientLayer,
    sent: Arc<Mutex<Vec<(Place, HeaderMap)>>>,
}

impl Caller {
    async fn call(&self, method: &str, place: Place) {
        let next = service_fn(async |request: Request<Empty<Bytes>>| {
            warn!("sending, {place:?}");
            self.sent.lock().unwrap().push((place, request.headers().clone()));
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let request = Request::builder().method(method).uri("http://next/").body(Empty::new());
        self.layer.layer(next).oneshot(request.unwrap()).await.unwrap();
    }
}

#[instrument(skip_all)]
async fn handler(caller: &Caller) {
    warn!("handling, {:?}", Place::Handler);
    caller.call("POST", Place::Handler).await;
    let task = |place| work(caller.clone(), place);
    let tasks = [
        tokio::spawn(task(Place::Spawned)),
        tokio::spawn(task(Place::InCurrentSpan).in_current_span()),
        tokio::spawn(task(Place::InContext).in_context(Context::current())),
        tokio::spawn(task(Place::InBoth).in_context(Context::current()).in_current_span()),
    ];
    for task in tasks {
        task.await.unwrap();
    }
}

// Not a `#[instrument]` function: its span would be made by the first poll, or by the call.
async fn work(caller: Caller, place: Place) {
    warn!("working, {place:?}");
    caller.call("PUT", place).await;
}

/// One line per place: the way to the parent that is told, and whether log lines have the trace id.
async fn rows(subscriber: Subscriber, kind: Spans) -> String {
    let (spans, lines) = (InMemorySpans::new(), Lines::default());
    let caller = Caller {
        layer: ClientLayer::new()
            .tracer_provider(spans.provider())
            .spans(kind)
            .propagation(Propagator::default().forward_baggage(true)),
        sent: Arc::default(),
    };
    let _subscribed = subscriber.listen(&spans, &lines);
    let server = ServerLayer::new().tracer_provider(spans.provider()).spans(kind);
    let service = server.layer(service_fn(async |_: Request<()>| {
        warn!("serving, {:?}", Place::Handler);
        handler(&caller).await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    }));
    let mut request = Request::new(());
    *request.headers_mut() = received();
    drop(service.oneshot(request).await);

    let finished = spans.finished();
    for (name, most) in [("GET", 1), ("handler", 1), ("POST", 1), ("PUT", 4)] {
        let count = finished.iter().filter(|span| span.name == name).count();
        assert!(count == 0 || count == most, "one span per hop, not {count} {name}");
    }
    let mut rows = String::new();
    for (place, sent) in caller.sent.lock().unwrap().iter() {
        let (place, way) = (format!("{place:?}"), way(&finished, sent));
        writeln!(rows, "  {place:13}  {way:31}  {}", ids(&lines.all(), &place)).unwrap();
    }
    rows
}

fn ids(lines: &[String], place: &str) -> &'static str {
    let here = lines.iter().filter(|line| line.ends_with(place));
    let (with, without): (Vec<_>, Vec<_>) = here.partition(|line| line.contains(TRACE_ID));
    match (with.len(), without.len()) {
        (0, 0) => "no lines",
        (_, 0) => "ids",
        (0, _) => "no ids",
        (_, _) => "ids where it calls",
    }
}

async fn both_kinds(subscriber: Subscriber) -> String {
    let opentelemetry = rows(subscriber, Spans::OpenTelemetry).await;
    let tracing = rows(subscriber, Spans::Tracing).await;
    format!("OpenTelemetry\n{opentelemetry}Tracing\n{tracing}")
}

#[tokio::test]
async fn where_nobody_listens() {
    insta::assert_snapshot!(both_kinds(Subscriber::Nobody).await, @r"
    OpenTelemetry
      Handler        caller > GET > POST              no lines
      Spawned        PUT                              no lines
      InCurrentSpan  PUT                              no lines
      InContext      caller > GET > PUT               no lines
      InBoth         caller > GET > PUT               no lines
    Tracing
      Handler        caller                           no lines
      Spawned        nothing                          no lines
      InCurrentSpan  nothing                          no lines
      InContext      caller                           no lines
      InBoth         caller                           no lines
    ");
}

#[tokio::test]
async fn where_lines_are_logged() {
    insta::assert_snapshot!(both_kinds(Subscriber::LogLines).await, @r"
    OpenTelemetry
      Handler        caller > GET > POST              no ids
      Spawned        PUT                              no ids
      InCurrentSpan  PUT                              no ids
      InContext      caller > GET > PUT               no ids
      InBoth         caller > GET > PUT               no ids
    Tracing
      Handler        caller                           ids
      Spawned        nothing                          no ids
      InCurrentSpan  nothing                          ids
      InContext      caller                           ids where it calls
      InBoth         caller                           ids
    ");
}

#[tokio::test]
async fn where_spans_are_exported() {
    insta::assert_snapshot!(both_kinds(Subscriber::Exporter).await, @r"
    OpenTelemetry
      Handler        caller > GET > handler > POST    no ids
      Spawned        PUT                              no ids
      InCurrentSpan  caller > GET > handler > PUT     no ids
      InContext      caller > GET > handler > PUT     no ids
      InBoth         caller > GET > handler > PUT     no ids
    Tracing
      Handler        caller > GET > handler > POST    ids
      Spawned        PUT                              no ids
      InCurrentSpan  caller > GET > handler > PUT     ids
      InContext      caller > GET > handler > PUT     ids where it calls
      InBoth         caller > GET > handler > PUT     ids
    ");
}

#[tokio::test]
async fn where_the_exporter_makes_no_context_current() {
    insta::assert_snapshot!(both_kinds(Subscriber::ExporterWithoutActivation).await, @r"
    OpenTelemetry
      Handler        caller > GET > POST              no ids
      Spawned        PUT                              no ids
      InCurrentSpan  PUT                              no ids
      InContext      caller > GET > PUT               no ids
      InBoth         caller > GET > PUT               no ids
    Tracing
      Handler        caller > GET > handler > POST    ids
      Spawned        PUT                              no ids
      InCurrentSpan  caller > GET > handler > PUT     ids
      InContext      caller > GET > PUT               ids where it calls
      InBoth         caller > GET > handler > PUT     ids
    ");
}

#[tokio::test]
async fn where_every_span_is_filtered_out() {
    insta::assert_snapshot!(both_kinds(Subscriber::AllSpansFiltered).await, @r"
    OpenTelemetry
      Handler        caller > GET > POST              no ids
      Spawned        PUT                              no ids
      InCurrentSpan  PUT                              no ids
      InContext      caller > GET > PUT               no ids
      InBoth         caller > GET > PUT               no ids
    Tracing
      Handler        caller                           no ids
      Spawned        nothing                          no ids
      InCurrentSpan  nothing                          no ids
      InContext      caller                           no ids
      InBoth         caller                           no ids
    ");
}

#[tokio::test]
async fn where_the_layers_spans_are_filtered_out() {
    insta::assert_snapshot!(both_kinds(Subscriber::OurSpansFiltered).await, @r"
    OpenTelemetry
      Handler        caller > GET > handler > POST    no ids
      Spawned        PUT                              no ids
      InCurrentSpan  caller > GET > handler > PUT     no ids
      InContext      caller > GET > handler > PUT     no ids
      InBoth         caller > GET > handler > PUT     no ids
    Tracing
      Handler        caller > handler                 no ids
      Spawned        nothing                          no ids
      InCurrentSpan  caller > handler                 no ids
      InContext      caller > handler                 no ids
      InBoth         caller > handler                 no ids
    ");
}

#[tokio::test]
async fn where_the_layers_spans_are_not_exported() {
    insta::assert_snapshot!(both_kinds(Subscriber::OurSpansNotExported).await, @r"
    OpenTelemetry
      Handler        caller > GET > handler > POST    no ids
      Spawned        PUT                              no ids
      InCurrentSpan  caller > GET > handler > PUT     no ids
      InContext      caller > GET > handler > PUT     no ids
      InBoth         caller > GET > handler > PUT     no ids
    Tracing
      Handler        caller > handler                 ids
      Spawned        nothing                          no ids
      InCurrentSpan  caller > handler                 ids
      InContext      caller > handler                 ids where it calls
      InBoth         caller > handler                 ids
    ");
}
