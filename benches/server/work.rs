//! One request through a layer, for the bench and for the allocation counts.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body::Body;
use http_body_util::Full;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, Span, SpanData, SpanProcessor};
use throughline::http::ServerLayer;
use tower::Service;

/// The route of every request, as an extension: requests of hyper and axum have extensions too.
#[derive(Clone, Copy)]
pub(crate) struct Route(&'static str);

/// A request as a server hands it over.
pub(crate) fn request(headers: HeaderMap) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static("/users/7?page=2");
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    request.extensions_mut().insert(Route("/users/{id}"));
    request
}

/// The same headers with a parent whose trace is not sampled.
pub(crate) fn unsampled(mut headers: HeaderMap) -> HeaderMap {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    headers.insert("traceparent", HeaderValue::from_static(parent));
    headers
}

/// A service that does nothing.
#[derive(Clone, Copy)]
pub(crate) struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"found")))))
    }
}

/// Calls a service and reads the response to its end.
pub(crate) fn drive<S, B>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let mut task = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut task).is_ready());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut task) else {
        unreachable!("the service is ready at once")
    };
    let mut body = pin!(response.into_body());
    while let Poll::Ready(Some(Ok(frame))) = Pin::as_mut(&mut body).poll_frame(&mut task) {
        drop(frame);
        if body.is_end_stream() {
            break;
        }
    }
}

/// Spans with all attributes and without metrics, that are dropped where they would be exported.
pub(crate) fn spans() -> ServerLayer {
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_span_processor(Discarding)
        .build();
    ServerLayer::new()
        .tracer_provider(provider)
        .route(|request| request.extensions().get::<Route>().map(|route| route.0))
        .metrics(false)
}

#[derive(Debug)]
struct Discarding;

impl SpanProcessor for Discarding {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}
    fn on_end(&self, span: SpanData) {
        drop(span);
    }
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
