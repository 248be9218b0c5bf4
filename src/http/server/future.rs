use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use ::http::{Method, Response, StatusCode};
use http_body::Body;
use pin_project::pin_project;

use super::config::Config;
use crate::http::exchange::Exchange;
use crate::http::{Ending, Outcome, ResponseView, SpanEnd, TracedBody, semconv};

/// Future of [`ServerService`](super::ServerService).
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct ServerFuture<F> {
    // Dropped before the span ends, so that what it still does is covered.
    #[pin]
    inner: F,
    exchange: Exchange,
    tail: Tail,
    config: Arc<Config>,
}

impl<F> ServerFuture<F> {
    pub(super) fn new(inner: F, exchange: Exchange, tail: Tail, config: Arc<Config>) -> Self {
        Self { inner, exchange, tail, config }
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
            Ok(mut response) => {
                if exchange.is_open() {
                    answer(&mut exchange, &mut response, *this.tail, this.config);
                }
                let (head, body) = response.into_parts();
                let body = TracedBody::new(body, exchange, &head.headers);
                Ok(Response::from_parts(head, body))
            }
            Err(error) => {
                let error_type = semconv::error_type::<E>();
                exchange.end_with(Ending::Failed, Outcome::ServiceError(error_type));
                Err(error)
            }
        })
    }
}

fn answer<ResBody>(
    exchange: &mut Exchange,
    response: &mut Response<ResBody>,
    tail: Tail,
    config: &Config,
) {
    exchange.answer(ResponseView::from(&*response), &config.response_headers);
    for header in &config.tells {
        header.write(exchange.cx(), response.headers_mut());
    }
    match tail.end_at_headers(response.status()) {
        Some(ending) => exchange.finish(ending),
        None if config.span_end == SpanEnd::Headers => exchange.finish_at_headers(),
        None => {}
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

    /// How the exchange ends with its headers, if it does. Transports drop the body of such a response
    /// without looking at it.
    fn end_at_headers(self, status: StatusCode) -> Option<Ending> {
        match (self, status) {
            (_, StatusCode::SWITCHING_PROTOCOLS) => Some(Ending::Upgraded),
            (Self::Tunnel, status) if status.is_success() => Some(Ending::Upgraded),
            (Self::Nothing, _) | (_, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {
                Some(Ending::Complete)
            }
            (_, status) if status.is_informational() => Some(Ending::Complete),
            _ => None,
        }
    }
}
