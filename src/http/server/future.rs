use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use ::http::{Method, Response, StatusCode};
use http_body::Body;
use pin_project::pin_project;

use super::TracedBody;
use crate::http::exchange::Exchange;
use crate::http::semconv;

/// Future of [`ServerService`](super::ServerService).
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct ServerFuture<F> {
    // Dropped before the span ends, so that what it still does is covered.
    #[pin]
    inner: F,
    exchange: Exchange,
    tail: Tail,
}

impl<F> ServerFuture<F> {
    pub(super) fn new(inner: F, exchange: Exchange, tail: Tail) -> Self {
        Self { inner, exchange, tail }
    }
}

impl<F, ResBody, E> Future for ServerFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Body,
{
    type Output = Result<Response<TracedBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.exchange.run(|| this.inner.poll(task)));
        let mut exchange = mem::take(this.exchange);
        Poll::Ready(match result {
            Ok(response) => {
                let status = response.status();
                exchange.respond(status, status.is_server_error());
                if this.tail.is_empty(status) {
                    exchange.end(None);
                }
                let (head, body) = response.into_parts();
                let body = TracedBody::new(body, exchange, &head.headers);
                Ok(Response::from_parts(head, body))
            }
            Err(error) => {
                exchange.end(Some(semconv::error_type::<E>()));
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for ServerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// What follows the headers of a response, by the request's method.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tail {
    Body,
    /// Whatever body the service made is thrown away.
    Nothing,
    /// With a success, the connection is no longer HTTP.
    Tunnel,
}

impl Tail {
    pub(super) fn after(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Nothing,
            Method::CONNECT => Self::Tunnel,
            _ => Self::Body,
        }
    }

    /// Whether the headers are the end of the exchange. Transports drop the body of such a response
    /// without looking at it.
    fn is_empty(self, status: StatusCode) -> bool {
        let by_method = match self {
            Self::Body => false,
            Self::Nothing => true,
            Self::Tunnel => status.is_success(),
        };
        by_method
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
    }
}
