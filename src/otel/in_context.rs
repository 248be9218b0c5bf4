use std::pin::Pin;
use std::task::{self, Poll};

use opentelemetry::Context;
use pin_project::pin_project;

/// Runs a future in a context.
pub trait ContextFuture: Future + Sized {
    /// Makes `cx` the current context in every poll of this future, and nowhere else.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use opentelemetry::Context;
    /// use throughline::context::{TraceContext, TraceParent};
    /// use throughline::otel::{ContextExt, ContextFuture};
    ///
    /// let parent: TraceParent =
    ///     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    /// let cx = Context::new().with_trace_context(parent.into());
    /// let seen = async { TraceContext::current() }.in_context(cx).await;
    /// assert_eq!(seen.parent(), Some(&parent));
    /// assert!(TraceContext::current().is_empty());
    /// # });
    /// ```
    fn in_context(self, cx: Context) -> InContext<Self> {
        InContext { inner: self, cx }
    }
}

impl<F: Future> ContextFuture for F {}

/// Future of [`ContextFuture::in_context`].
#[pin_project]
#[derive(Clone, Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct InContext<F> {
    #[pin]
    inner: F,
    cx: Context,
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _current = this.cx.clone().attach();
        this.inner.poll(task)
    }
}
