//! The client's layer, called by hand: what several of the files below share.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{self, Poll, Waker};

use ::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{Layer, Service, service_fn};

use super::{ClientLayer, UrlTemplate};
use crate::context::{TraceContext, TraceParent};
use crate::http::{ServerLayer, SpanEnd, TracedBody};
use crate::otel::ContextExt;
use crate::otel::recorded::{Recorded, attribute, error_type};
use crate::propagation::Propagator;

mod contract;
mod grpc;
mod metrics;
mod propagation;
mod settings;
mod span;
#[cfg(feature = "tracing")]
mod with_tracing;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn layer(recorded: &Recorded) -> ClientLayer {
    ClientLayer::new().tracer_provider(recorded.provider())
}

fn inside_a_trace() -> Context {
    let mut trace = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
    *trace.trace_state_mut() = "v=1".parse().unwrap();
    Context::new().with_trace_context(trace)
}

fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}

fn answer(status: u16) -> Ready<Result<Response<String>, Infallible>> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    ready(Ok(response))
}

/// The headers that arrive at the inner service.
fn sent(layer: &ClientLayer, request: Request<()>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let inner = service_fn(|request: Request<()>| {
        headers = request.headers().clone();
        answer(200)
    });
    assert!(poll(pin!(layer.layer(inner).call(request))).is_ready());
    headers
}

/// Drives the layer around a service with this body to the headers.
fn begun<B: Body>(layer: ClientLayer, body: B) -> TracedBody<B> {
    let body = RefCell::new(Some(body));
    let inner = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(body.take().unwrap())))
    });
    match poll(pin!(layer.layer(inner).call(request("http://host/", &[])))) {
        Poll::Ready(Ok(response)) => response.into_body(),
        Poll::Pending => unreachable!("the service is ready at once"),
    }
}

fn shown(span: &SpanData) -> Vec<(&str, String)> {
    span.attributes.iter().map(|a| (a.key.as_str(), a.value.to_string())).collect()
}
