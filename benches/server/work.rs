//! One request through a layer, for the bench and for the allocation counts.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body::Body;
use http_body_util::Full;
use throughline::http::ServerLayer;
use tower::Service;

use super::discarded::tracer_provider;

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

/// A service that does nothing.
#[derive(Clone, Copy)]
pub(crate) struct Bare;

impl<R> Service<Request<R>> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"found")))))
    }
}

/// Calls a service and reads the response to its end.
pub(crate) fn drive<S, R, B>(service: &mut S, request: Request<R>)
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
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
    ServerLayer::new()
        .tracer_provider(tracer_provider())
        .route(|request| request.extensions().get::<Route>().map(|route| route.0))
        .metrics(false)
}
