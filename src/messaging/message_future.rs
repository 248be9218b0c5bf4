use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::operation::Operation;
use crate::otel::{ContextFuture, InContext};

/// Future of [`Sending::run`](super::Sending::run), [`Processing::run`](super::Processing::run) and
/// their `try_run`: the span of a message is current in each poll of the inner future, and where that is
/// dropped.
///
/// It ends once: with the output, with a panic, or when it is dropped before either.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct MessageFuture<F: Future> {
    // Dropped before the span ends, so that what it still does is covered.
    #[pin]
    inner: InContext<F>,
    operation: Operation,
    end: fn(&mut Operation, &F::Output),
}

impl<F: Future> MessageFuture<F> {
    pub(super) fn new(inner: F, operation: Operation, end: fn(&mut Operation, &F::Output)) -> Self {
        Self { inner: inner.in_context(operation.cx().clone()), operation, end }
    }
}

impl<F: Future> Future for MessageFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let output = ready!(this.operation.run(|| this.inner.poll(task)));
        (this.end)(this.operation, &output);
        Poll::Ready(output)
    }
}

impl<F: Future> fmt::Debug for MessageFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageFuture").field("operation", &self.operation).finish_non_exhaustive()
    }
}

/// Every output is a success.
pub(super) fn any<T>(operation: &mut Operation, _: &T) {
    operation.end(None);
}

pub(super) fn result<T, E>(operation: &mut Operation, output: &Result<T, E>) {
    operation.end_with(output);
}
