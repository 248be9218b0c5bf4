use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use ::http::Response;
use pin_project::pin_project;

use crate::http::exchange::Exchange;
use crate::http::semconv;

/// Future of [`ClientService`](super::ClientService).
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct ClientFuture<F> {
    #[pin]
    inner: F,
    exchange: Exchange,
}

impl<F> ClientFuture<F> {
    pub(super) fn new(inner: F, exchange: Exchange) -> Self {
        Self { inner, exchange }
    }
}

impl<F, ResBody, E> Future for ClientFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.exchange.run(|| this.inner.poll(task)));
        match &result {
            Ok(response) => {
                let status = response.status();
                let is_error = status.is_client_error() || status.is_server_error();
                this.exchange.respond(status, is_error);
                this.exchange.end(None);
            }
            Err(_) => this.exchange.end(Some(semconv::error_type::<E>())),
        }
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for ClientFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}
