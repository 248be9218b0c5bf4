//! One request through the client layer, for the bench and for the allocation counts.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Empty;
use opentelemetry::Context;
use throughline::http::ClientLayer;
use throughline::otel::ContextExt;
use throughline::propagation::{Format, Propagator};
use tower::Service;

use super::discarded::tracer_provider;

/// A service that does nothing.
#[derive(Clone, Copy)]
pub(crate) struct Bare;

impl<R> Service<Request<R>> for Bare {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(Empty::new())))
    }
}

/// Makes a request with two headers, as clients do, sends it and drops the response.
pub(crate) fn send<S, B>(service: &mut S, uri: &Uri)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    send_with(service, uri, ());
}

/// The same with a body, for services that ask for one.
pub(crate) fn send_with<S, R, B>(service: &mut S, uri: &Uri, body: R)
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
{
    let request = request(uri, body);
    let mut task = Task::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut task).is_ready());
    assert!(pin!(service.call(request)).poll(&mut task).is_ready());
}

/// A request with two headers, as clients make it.
pub(crate) fn request<R>(uri: &Uri, body: R) -> Request<R> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert("accept", HeaderValue::from_static("application/json"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    request
}

pub(crate) fn uri() -> Uri {
    Uri::from_static("http://stock.internal:8080/items/7")
}

/// The context of a handler whose request had these headers.
pub(crate) fn inside(headers: &HeaderMap) -> Context {
    let trace = Propagator::default().extract(headers).context;
    Context::new().with_trace_context(trace)
}

/// `traceparent`, `tracestate` and baggage, as the peers have them.
pub(crate) fn w3c() -> Propagator {
    let formats = [Format::TraceContext, Format::Baggage];
    Propagator::default().accept(formats).emit(formats).forward_baggage(true)
}

/// Spans without metrics, that are dropped where they would be exported.
pub(crate) fn spans() -> ClientLayer {
    ClientLayer::new().tracer_provider(tracer_provider()).metrics(false)
}
