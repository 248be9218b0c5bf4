use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use ::http::HeaderMap;
use ::http::header::CONTENT_LENGTH;
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;

use super::exchange::Exchange;
use super::{Ending, Outcome, semconv};

/// Response body of [`ServerService`](super::ServerService) and
/// [`ClientService`](crate::http::ClientService): the inner body, whose end is the end of the
/// request's span, unless that has ended with the headers.
///
/// Size, end of stream, frames and errors are the inner body's.
#[pin_project]
pub struct TracedBody<B> {
    #[pin]
    inner: B,
    exchange: Exchange,
    /// Bytes that are still to come, if that was said.
    left: Option<u64>,
}

impl<B: Body> TracedBody<B> {
    pub(super) fn new(inner: B, mut exchange: Exchange, headers: &HeaderMap) -> Self {
        if !exchange.is_open() {
            return Self { inner, exchange, left: None };
        }
        let left = content_length(headers).or_else(|| inner.size_hint().exact());
        if inner.is_end_stream() {
            exchange.finish(Ending::Complete);
        } else if left == Some(0) {
            exchange.complete();
        }
        Self { inner, exchange, left }
    }
}

impl<B: Body> Body for TracedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.exchange.run(|| this.inner.as_mut().poll_frame(task)));
        if !this.exchange.is_open() {
            return Poll::Ready(frame);
        }
        match &frame {
            None => this.exchange.finish(Ending::Complete),
            Some(Err(_)) => {
                let error_type = semconv::error_type::<B::Error>();
                this.exchange.end_with(Ending::Failed, Outcome::BodyError(error_type));
            }
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Buf::remaining);
                this.exchange.count(bytes);
                if let Some(trailers) = frame.trailers_ref() {
                    this.exchange.trailers(trailers);
                }
                if let Some(left) = this.left.as_mut() {
                    *left = left.saturating_sub(bytes as u64);
                }
                // hyper asks no further after either of these.
                if this.inner.is_end_stream() {
                    this.exchange.finish(Ending::Complete);
                } else if frame.is_trailers() || *this.left == Some(0) {
                    this.exchange.complete();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Leaves out the inner body: it may print what it holds.
impl<B> fmt::Debug for TracedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedBody").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// How many bytes a body is announced to have.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
