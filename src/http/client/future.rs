use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use ::http::Response;
use http_body::Body;
use pin_project::pin_project;

use super::config::Config;
use crate::http::exchange::Exchange;
use crate::http::{ResponseView, TracedBody};

/// Future of [`ClientService`](super::ClientService).
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct ClientFuture<F> {
    #[pin]
    call: Call<F>,
}

impl<F> ClientFuture<F> {
    pub(super) fn new(call: Call<F>) -> Self {
        Self { call }
    }
}

impl<F, ResBody, E> Future for ClientFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Body,
{
    type Output = Result<Response<TracedBody<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let (result, exchange) = ready!(self.project().call.poll_headers(task));
        Poll::Ready(result.map(|response| {
            let (head, body) = response.into_parts();
            let body = TracedBody::new(body, exchange, &head.headers);
            Response::from_parts(head, body)
        }))
    }
}

impl<F> fmt::Debug for ClientFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFuture").field("call", &self.call).finish()
    }
}

/// A call that is waiting for the headers of its response.
#[pin_project]
pub(super) struct Call<F> {
    #[pin]
    inner: F,
    exchange: Exchange,
    config: Arc<Config>,
}

impl<F> Call<F> {
    pub(super) fn new(inner: F, exchange: Exchange, config: Arc<Config>) -> Self {
        Self { inner, exchange, config }
    }

    /// The answer, and what its body goes on with.
    pub(super) fn poll_headers<R, E>(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<(Result<R, E>, Exchange)>
    where
        F: Future<Output = Result<R, E>>,
        for<'a> ResponseView<'a>: From<&'a R>,
    {
        let this = self.project();
        let result = ready!(this.exchange.run(|| this.inner.poll(task)));
        let mut exchange = mem::take(this.exchange);
        this.config.note(&mut exchange, &result);
        Poll::Ready((result, exchange))
    }
}

impl<F> fmt::Debug for Call<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}
