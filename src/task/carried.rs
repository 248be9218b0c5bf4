use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{Link, TraceContextExt};

use super::detached;
use crate::otel::{ContextFuture, InContext, without_hold};

/// A value with the context of where it was sent.
///
/// Channels of [`channel`](super::channel) make and give these. In any other, of whatever crate, the
/// sender writes [`Carried::new`]. It holds no span open, see [`detached`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use throughline::task::Carried;
///
/// let (jobs, received) = std::sync::mpsc::sync_channel(8);
/// jobs.send(Carried::new(7)).unwrap();
/// let job = received.recv().unwrap();
/// // Runs in the sender's context, whatever is current here.
/// assert_eq!(job.in_context(|number| async move { number + 1 }).await, 8);
/// # });
/// ```
///
/// A value that was sent outside of any trace runs in that of nobody.
#[derive(Clone)]
#[must_use = "the value in it has not been looked at"]
pub struct Carried<T> {
    value: T,
    cx: Context,
}

impl<T> Carried<T> {
    /// A value with the current context.
    pub fn new(value: T) -> Self {
        Self { value, cx: detached() }
    }

    /// A value with a context.
    pub fn with_context(value: T, cx: &Context) -> Self {
        Self { value, cx: without_hold(cx) }
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The context: parent for spans of whoever works on the value.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// A link to the span that the value was sent in, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        let span = self.cx.span();
        let span = span.span_context();
        span.is_valid().then(|| Link::with_context(span.clone()))
    }

    /// Works on the value in its context: in the call, and in every poll of the future.
    pub fn in_context<F: Future>(self, work: impl FnOnce(T) -> F) -> InContext<F> {
        let Self { value, cx } = self;
        let future = {
            let _current = cx.clone().attach();
            work(value)
        };
        future.in_context(cx)
    }

    /// Another value with the same context.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Carried<U> {
        Carried { value: change(self.value), cx: self.cx }
    }

    /// The value alone.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    /// The value and its context.
    #[must_use]
    pub fn into_parts(self) -> (T, Context) {
        (self.value, self.cx)
    }
}

/// Shows the span alone: neither value nor baggage is anything for a log line.
impl<T> fmt::Debug for Carried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.cx.span();
        let span = span.span_context();
        f.debug_struct("Carried")
            .field("trace", &span.trace_id())
            .field("span", &span.span_id())
            .finish_non_exhaustive()
    }
}
