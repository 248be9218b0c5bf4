use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Waker};

use ::http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use opentelemetry::metrics::{
    Counter, InstrumentBuilder, InstrumentProvider, Meter, MeterProvider, SyncInstrument,
};
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use proptest::prelude::*;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use super::{ServerFuture, ServerLayer, ServerService};
use crate::context::TraceContext;
use crate::http::TracedBody;
use crate::otel::recorded::{Recorded, attribute, error_type};
use crate::propagation::Trust;

mod contract;
mod grpc;
mod metrics;
mod settings;
#[cfg(feature = "tracing")]
mod with_tracing;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "11111111111111111111111111111111-00f067aa0ba902b7-1";

fn layer(recorded: &Recorded) -> ServerLayer {
    ServerLayer::new().tracer_provider(recorded.provider())
}

fn request(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri("/users/7?token=secret");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}

type PolledFrame<D, E> = Poll<Option<Result<Frame<D>, E>>>;

fn poll_frame<B: Body>(body: Pin<&mut B>) -> PolledFrame<B::Data, B::Error> {
    body.poll_frame(&mut task::Context::from_waker(Waker::noop()))
}

/// What the layer makes of a response that is there at once.
fn respond<B: Body>(
    layer: &ServerLayer,
    request: Request<()>,
    response: Response<B>,
) -> Response<TracedBody<B>> {
    let mut response = Some(response);
    let mut service = layer.layer(service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(response.take().unwrap()))
    }));
    match poll(pin!(service.call(request))) {
        Poll::Ready(Ok(response)) => response,
        Poll::Pending => panic!("the response is ready"),
    }
}

fn traced<B: Body>(recorded: &Recorded, body: B) -> TracedBody<B> {
    respond(&layer(recorded), request(&[]), Response::new(body)).into_body()
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

#[derive(Clone, Debug)]
enum Step {
    Data(&'static str),
    Trailers,
    Fail,
    Pending,
    Panic,
}

/// A body that does as it is told, and knows nothing about its length.
#[derive(Debug, Default)]
struct Script {
    steps: VecDeque<Step>,
    size: SizeHint,
}

impl Script {
    fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), size: SizeHint::default() }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = std::fmt::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::fmt::Error>>> {
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Data(text)) => {
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
            }
            Some(Step::Trailers) => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Some(Step::Fail) => Poll::Ready(Some(Err(std::fmt::Error))),
            Some(Step::Pending) => Poll::Pending,
            Some(Step::Panic) => panic!("told to"),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}

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
fn bo_4_what_is_current_around_the_layer_is_not_continued() {
    let recorded = Recorded::default();
    let provider = Recorded::default().provider();
    let _ambient = Context::new().with_span(provider.tracer("test").start("ambient")).attach();
    let layer = ServerLayer::new().tracer_provider(recorded.provider());
    let inner = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    assert!(poll(pin!(layer.layer(inner).call(request(&[])))).is_ready());
    assert_eq!(recorded.one().parent_span_id.to_string(), "0000000000000000");

    let inner = service_fn(|_: Request<()>| {
        assert!(TraceContext::current().is_empty());
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    assert!(poll(pin!(ServerLayer::propagate_only().layer(inner).call(request(&[])))).is_ready());
}

#[test]
fn suppression_around_the_layer_does_not_reach_into_it() {
    let recorded = Recorded::default();
    let _ambient = Context::new().with_telemetry_suppressed().attach();
    for headers in [&[][..], &[("traceparent", PARENT)]] {
        drop(respond(&layer(&recorded), request(headers), Response::new(Empty::<Bytes>::new())));
    }
    assert_eq!(recorded.all().len(), 2);
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

// Where the context is current

/// Notes the span id that is current, in every place where a service or a body can run.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Sighting>>>);

/// A place, and the parent that an outgoing call would have there.
type Sighting = (&'static str, Option<String>);

impl Seen {
    fn note(&self, place: &'static str) {
        let parent = TraceContext::current().parent().map(|parent| parent.parent_id().to_string());
        self.0.lock().unwrap().push((place, parent));
    }

    /// Runs one request whose service and body note what they see.
    fn run(&self, layer: &ServerLayer, request: Request<()>) {
        let inner = service_fn(|_: Request<()>| {
            self.note("call");
            async {
                self.note("poll");
                tokio::task::yield_now().await;
                self.note("later poll");
                Ok::<_, Infallible>(Response::new(NotingBody(self.clone())))
            }
        });
        let mut service = layer.layer(inner);
        let mut future = pin!(service.call(request));
        self.note("outside");
        assert!(poll(future.as_mut()).is_pending());
        self.note("outside");
        let Poll::Ready(Ok(response)) = poll(future) else { panic!("it is ready") };
        self.note("outside");
        assert!(poll_frame(pin!(response.into_body())).is_ready());
        self.note("outside");
    }

    fn inside(&self) -> Vec<Sighting> {
        let all = self.0.lock().unwrap();
        assert!(all.iter().all(|(place, seen)| *place != "outside" || seen.is_none()), "{all:?}");
        all.iter().filter(|(place, _)| *place != "outside").cloned().collect()
    }
}

struct NotingBody(Seen);

impl Body for NotingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.note("body");
        Poll::Ready(None)
    }
}

const PLACES: [&str; 4] = ["call", "poll", "later poll", "body"];

fn yields(runtime: impl FnOnce()) {
    // `yield_now` wakes through a runtime.
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { runtime() });
}

#[test]
fn the_span_is_current_in_call_poll_and_body_and_nowhere_else() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    yields(|| seen.run(&layer(&recorded), request(&[("traceparent", PARENT)])));
    let id = recorded.one().span_context.span_id().to_string();
    assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
}

#[test]
fn tp_10_without_spans_the_inbound_parent_is_current() {
    let seen = Seen::default();
    yields(|| seen.run(&ServerLayer::propagate_only(), request(&[("traceparent", PARENT)])));
    let id = "b7ad6b7169203331".to_owned();
    assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
}

#[test]
fn a_filtered_request_has_no_span_and_carries_its_context() {
    let (recorded, seen) = (Recorded::default(), Seen::default());
    let layer = layer(&recorded).filter(|request| request.path() != "/users/7");
    yields(|| seen.run(&layer, request(&[("traceparent", PARENT)])));
    let id = "b7ad6b7169203331".to_owned();
    assert_eq!(seen.inside(), PLACES.map(|place| (place, Some(id.clone()))));
    assert!(recorded.all().is_empty());
}

// When the span ends

#[test]
fn a_span_ends_with_the_last_frame_of_its_body() {
    let recorded = Recorded::default();
    let mut body = pin!(traced(&recorded, Full::new(Bytes::from_static(b"all"))));
    assert!(recorded.all().is_empty(), "the body has not been sent");
    assert!(poll_frame(body.as_mut()).is_ready());
    assert_eq!(error_type(&recorded.one()), None);
}

#[test]
fn a_body_of_unknown_length_ends_its_span_when_it_says_so() {
    let recorded = Recorded::default();
    let mut body =
        pin!(traced(&recorded, Script::of([Step::Data("a"), Step::Pending, Step::Data("b")])));
    for _ in 0..3 {
        let _ = poll_frame(body.as_mut());
        assert!(recorded.all().is_empty());
    }
    assert!(poll_frame(body.as_mut()).is_ready());
    assert_eq!(error_type(&recorded.one()), None);
    assert!(poll_frame(body.as_mut()).is_ready(), "polling after the end is up to the inner body");
    assert_eq!(recorded.all().len(), 1);
}

#[test]
fn a_span_without_a_body_ends_at_the_headers() {
    let recorded = Recorded::default();
    let _body = traced(&recorded, Empty::<Bytes>::new());
    assert_eq!(error_type(&recorded.one()), None);
}

#[test]
fn responses_that_cannot_have_a_body_end_at_the_headers() {
    for (method, status) in [
        (Method::HEAD, 200),
        (Method::GET, 101),
        (Method::GET, 204),
        (Method::GET, 304),
        (Method::CONNECT, 200),
    ] {
        let recorded = Recorded::default();
        let mut request = request(&[]);
        *request.method_mut() = method;
        let mut response = Response::new(Script::of([Step::Data("ignored")]));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let response = respond(&layer(&recorded), request, response);
        assert_eq!(error_type(&recorded.one()), None, "{status}");
        drop(response);
        assert_eq!(recorded.all().len(), 1, "{status}");
    }
}

#[test]
fn a_refused_tunnel_has_a_body() {
    let recorded = Recorded::default();
    let mut request = request(&[]);
    *request.method_mut() = Method::CONNECT;
    let mut response = Response::new(Script::of([Step::Data("no")]));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let _response = respond(&layer(&recorded), request, response);
    assert!(recorded.all().is_empty());
}

#[test]
fn a_context_that_is_kept_does_not_delay_the_end() {
    let recorded = Recorded::default();
    let mut kept = None;
    let mut service = layer(&recorded).layer(service_fn(|_: Request<()>| {
        kept = Some(Context::current());
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    }));
    assert!(poll(pin!(service.call(request(&[])))).is_ready());
    assert_eq!(recorded.all().len(), 1);
    drop(service);
    assert!(kept.is_some_and(|cx| cx.has_active_span()));
}

// Cancellation

#[test]
fn a_future_that_is_dropped_before_its_first_poll_is_cancelled() {
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    drop(layer(&recorded).layer(inner).call(request(&[])));
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[test]
fn a_future_that_is_dropped_while_pending_is_cancelled() {
    let recorded = Recorded::default();
    let inner =
        service_fn(|_: Request<()>| pending::<Result<Response<Empty<Bytes>>, Infallible>>());
    {
        let mut service = layer(&recorded).layer(inner);
        let mut future = pin!(service.call(request(&[])));
        assert!(poll(future.as_mut()).is_pending());
        assert!(recorded.all().is_empty());
    }
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("cancelled"));
}

#[test]
fn a_body_that_is_dropped_before_its_end_is_cancelled() {
    for polls in 0..3 {
        let recorded = Recorded::default();
        {
            let steps = [Step::Data("a"), Step::Pending, Step::Data("b")];
            let mut body = pin!(traced(&recorded, Script::of(steps)));
            for _ in 0..polls {
                let _ = poll_frame(body.as_mut());
            }
            assert!(recorded.all().is_empty());
        }
        let span = recorded.one();
        assert_eq!(error_type(&span).as_deref(), Some("cancelled"), "{polls}");
        assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
    }
}

#[test]
fn a_body_that_is_dropped_after_all_its_bytes_is_not_cancelled() {
    let recorded = Recorded::default();
    let body =
        || Script { steps: [Step::Data("four"), Step::Data("more")].into(), ..Script::default() };
    let sized = Script { size: SizeHint::with_exact(8), ..body() };
    let announced = Response::builder().header("content-length", "8").body(body()).unwrap();
    for response in [Response::new(sized), announced] {
        let mut body = pin!(respond(&layer(&recorded), request(&[]), response).into_body());
        assert!(poll_frame(body.as_mut()).is_ready());
        assert!(poll_frame(body.as_mut()).is_ready());
    }
    let spans = recorded.all();
    assert_eq!(spans.iter().map(error_type).collect::<Vec<_>>(), [None, None]);
}

#[test]
fn a_body_that_is_dropped_after_its_trailers_is_not_cancelled() {
    let recorded = Recorded::default();
    {
        let mut body = pin!(traced(&recorded, Script::of([Step::Data("a"), Step::Trailers])));
        assert!(poll_frame(body.as_mut()).is_ready());
        assert!(poll_frame(body.as_mut()).is_ready());
    }
    assert_eq!(error_type(&recorded.one()), None);
}

// Failures and panics

#[test]
fn an_error_of_the_service_stays_what_it_is_and_names_its_type() {
    let recorded = Recorded::default();
    let inner =
        service_fn(|_: Request<()>| ready(Err::<Response<Empty<Bytes>>, _>(std::fmt::Error)));
    let mut service = layer(&recorded).layer(inner);
    let Poll::Ready(Err(std::fmt::Error)) = poll(pin!(service.call(request(&[])))) else {
        panic!("it fails")
    };
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("core::fmt::Error"));
}

#[test]
fn a_boxed_error_has_no_type_to_name() {
    let recorded = Recorded::default();
    let inner = service_fn(|_: Request<()>| {
        ready(Err::<Response<Empty<Bytes>>, BoxError>(Box::new(std::fmt::Error)))
    });
    assert!(poll(pin!(layer(&recorded).layer(inner).call(request(&[])))).is_ready());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("_OTHER"));
}

#[test]
fn a_body_that_fails_after_a_200_is_an_error_once() {
    let recorded = Recorded::default();
    {
        let mut body =
            pin!(traced(&recorded, Script::of([Step::Data("a"), Step::Fail, Step::Fail])));
        for _ in 0..3 {
            assert!(poll_frame(body.as_mut()).is_ready());
        }
    }
    let span = recorded.one();
    assert_eq!(error_type(&span).as_deref(), Some("core::fmt::Error"));
    assert_eq!(attribute(&span, "http.response.status_code").as_deref(), Some("200"));
}

#[test]
fn the_first_failure_is_the_one_that_counts() {
    let recorded = Recorded::default();
    let mut response = Response::new(Script::of([Step::Fail]));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let mut body = pin!(respond(&layer(&recorded), request(&[]), response).into_body());
    assert!(poll_frame(body.as_mut()).is_ready());
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("502"));
}

#[test]
fn a_panic_is_an_error_and_goes_on() {
    let in_call = Recorded::default();
    let inner = service_fn(
        |_: Request<()>| -> std::future::Ready<Result<Response<Empty<Bytes>>, Infallible>> {
            panic!("told to")
        },
    );
    let mut service = layer(&in_call).layer(inner);
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(request(&[])))).is_err());

    let in_poll = Recorded::default();
    let inner = service_fn(async |_: Request<()>| -> Result<Response<Empty<Bytes>>, Infallible> {
        panic!("told to")
    });
    let mut service = layer(&in_poll).layer(inner);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(pin!(service.call(request(&[])))))).is_err());

    let in_body = Recorded::default();
    let body = traced(&in_body, Script::of([Step::Panic]));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_frame(pin!(body)))).is_err());

    for recorded in [in_call, in_poll, in_body] {
        assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
    }
    assert!(TraceContext::current().is_empty(), "nothing is left behind");
}

#[test]
fn a_panic_that_is_caught_before_the_future_is_dropped_is_still_a_panic() {
    let recorded = Recorded::default();
    let inner = service_fn(async |_: Request<()>| -> Result<Response<Empty<Bytes>>, Infallible> {
        panic!("told to")
    });
    {
        let mut service = layer(&recorded).layer(inner);
        let mut future = pin!(service.call(request(&[])));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(future.as_mut()))).is_err());
    }
    assert_eq!(error_type(&recorded.one()).as_deref(), Some("panic"));
}

/// What a body may do, in any order.
fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Data("text")),
        Just(Step::Trailers),
        Just(Step::Fail),
        Just(Step::Pending),
        Just(Step::Panic),
    ];
    prop::collection::vec(step, 0..6)
}

/// Polls a body so many times, unless it panics, and drops it.
fn read<B: Body>(body: B, polls: usize) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let mut body = pin!(body);
        for _ in 0..polls {
            let _ = poll_frame(body.as_mut());
        }
    }));
}

proptest! {
    #[test]
    fn every_way_to_end_ends_the_span_once(
        steps in any_steps(),
        polls in 0_usize..8,
        status in 200_u16..600,
    ) {
        let recorded = Recorded::default();
        let mut response = Response::new(Script::of(steps));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let body = respond(&layer(&recorded), request(&[]), response).into_body();
        read(body, polls);
        error_type(&recorded.one());
    }

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

// The contract of a service

#[test]
fn readiness_is_that_of_the_service_that_is_called() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<Empty<Bytes>>>();
    let mut service = layer(&Recorded::default()).layer(mock);
    let mut task = task::Context::from_waker(Waker::noop());
    handle.allow(0);
    assert!(service.poll_ready(&mut task).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut task).is_ready());
    // The mock panics if another one than the ready service is called.
    let mut future = pin!(service.call(request(&[])));
    assert!(poll(future.as_mut()).is_pending());
    let mut next = pin!(handle.next_request());
    let Poll::Ready(Some((_, answer))) = poll(next.as_mut()) else { panic!("it was sent") };
    answer.send_response(Response::new(Empty::new()));
    assert!(poll(future).is_ready());
}

#[test]
fn an_error_of_readiness_is_passed_on_and_opens_no_span() {
    let recorded = Recorded::default();
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<Empty<Bytes>>>();
    let mut service = layer(&recorded).layer(mock);
    handle.send_error("closed");
    let ready = service.poll_ready(&mut task::Context::from_waker(Waker::noop()));
    assert!(matches!(ready, Poll::Ready(Err(error)) if error.to_string() == "closed"));
    assert!(recorded.all().is_empty());
}

#[test]
fn a_service_may_be_local_and_its_error_anything() {
    struct Plain;
    let local = Rc::new(());
    let inner = service_fn(move |_: Request<()>| {
        let local = Rc::clone(&local);
        async move {
            drop(local);
            Err::<Response<Empty<Bytes>>, Plain>(Plain)
        }
    });
    let Poll::Ready(Err(Plain)) =
        poll(pin!(layer(&Recorded::default()).layer(inner).oneshot(request(&[]))))
    else {
        panic!("it fails")
    };
}

#[test]
fn types_are_send_and_sync_as_far_as_the_inner_ones_are() {
    fn check<T: Send + Sync>() {}
    check::<ServerLayer>();
    check::<ServerService<()>>();
    check::<ServerFuture<()>>();
    check::<TracedBody<Empty<Bytes>>>();
}

#[test]
fn a_body_is_as_long_as_the_inner_one() {
    let recorded = Recorded::default();
    let body = traced(&recorded, Full::new(Bytes::from_static(b"all")));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
    let body = traced(&recorded, Empty::<Bytes>::new());
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
    let body = traced(&recorded, Script::of([Step::Data("a"), Step::Trailers]));
    let Poll::Ready(Ok(collected)) = poll(pin!(body.collect())) else { panic!("it is ready") };
    assert!(collected.trailers().is_some());
    assert_eq!(collected.to_bytes(), "a");
}

#[test]
fn debug_shows_no_header_value_and_no_body() {
    let recorded = Recorded::default();
    let layer = layer(&recorded);
    let headers = [("traceparent", PARENT), ("tracestate", "v=secret"), ("baggage", "a=secret")];
    let inner = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"secret")))))
    });
    let mut service = layer.layer(inner);
    let future = service.call(request(&headers));
    let mut shown = format!("{layer:?} {future:?}");
    let Poll::Ready(Ok(response)) = poll(pin!(future)) else { panic!("it is ready") };
    shown += &format!("{response:?}");
    assert!(!shown.contains("secret"), "{shown}");
}
