//! The server's layer, called by hand: what several of the files below share.

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
use opentelemetry::metrics::{InstrumentProvider, Meter, MeterProvider, SyncInstrument};
use opentelemetry::trace::{SpanKind, TraceContextExt, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use proptest::prelude::*;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use super::{ServerLayer, ServerService};
use crate::context::TraceContext;
use crate::http::TracedBody;
use crate::otel::recorded::{Recorded, attribute, error_type};
use crate::propagation::Trust;

mod contract;
mod current;
mod ending;
mod grpc;
mod metrics;
mod settings;
mod span;
mod transparency;
#[cfg(feature = "tracing")]
mod with_tracing;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

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
