use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};

use opentelemetry::Context;
use pin_project::{pin_project, pinned_drop};

/// Runs a future in a context, and a stream or a sink likewise.
///
/// As OpenTelemetry's own `FutureExt`, it is there for every type: what is a stream and a sink at once
/// has one `in_context`, whose result is both.
pub trait ContextFuture: Sized {
    /// Makes `cx` the current context in every poll, and where the future is dropped, and nowhere else.
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
        InContext { inner: Some(self), cx }
    }
}

impl<T> ContextFuture for T {}

/// Future, stream or sink of [`ContextFuture::in_context`].
#[pin_project(PinnedDrop)]
#[derive(Clone)]
#[must_use = "futures, streams and sinks do nothing unless polled"]
pub struct InContext<T> {
    /// There until it is dropped or taken out.
    #[pin]
    inner: Option<T>,
    cx: Context,
}

impl<T> InContext<T> {
    /// What runs in the context.
    ///
    /// ```
    /// use opentelemetry::Context;
    /// use throughline::otel::ContextFuture;
    ///
    /// let numbers = futures_util::stream::iter([1, 2]).in_context(Context::new());
    /// let _numbers = numbers.into_inner();
    /// ```
    pub fn into_inner(mut self) -> T {
        self.inner.take().unwrap_or_else(|| unreachable!("{TAKEN_LAST}"))
    }

    /// Runs `work` on what is inside, in the context.
    pub(super) fn run<R>(self: Pin<&mut Self>, work: impl FnOnce(Pin<&mut T>) -> R) -> R {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else { unreachable!("{TAKEN_LAST}") };
        let _current = this.cx.clone().attach();
        work(inner)
    }

    #[cfg(any(feature = "task", feature = "websocket"))]
    pub(super) fn inner(&self) -> Option<&T> {
        self.inner.as_ref()
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        self.run(|inner| inner.poll(task))
    }
}

/// A task that is aborted, and the loser of a `select!`, do their last work here: what their guards
/// log or send belongs to the trace too.
#[pinned_drop]
impl<T> PinnedDrop for InContext<T> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self.project();
        let _current = this.cx.clone().attach();
        this.inner.set(None);
    }
}

/// Leaves out the context: what was received is part of it.
impl<T: fmt::Debug> fmt::Debug for InContext<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InContext").field("inner", &self.inner).finish_non_exhaustive()
    }
}

const TAKEN_LAST: &str = "only `into_inner` and `drop` take it, and nothing is run after them";
