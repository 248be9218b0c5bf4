use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{self, Poll};

use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use pin_project::pin_project;

use super::{CANCELLED, ContextFuture, ERROR_TYPE, InContext, PANIC};

/// A span that ends with its work, whoever holds its context.
///
/// OpenTelemetry's own spans end where the last context that holds them is dropped, which may be in a
/// task that was forgotten long ago. This one ends when its future is ready, when its closure returns,
/// or when it is dropped. What was dropped before it was ready has failed with `error.type`
/// `cancelled`, what panicked with `panic`; what an error is otherwise, the work says itself.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use throughline::otel::ActiveSpan;
/// use throughline_testkit::InMemorySpans;
///
/// let spans = InMemorySpans::new();
/// let tracer = spans.provider().tracer("docs");
/// let span = ActiveSpan::start(&tracer, tracer.span_builder("resize"));
/// let answer = span.run(async { 7 }).await;
/// assert_eq!((answer, spans.only().name.as_str()), (7, "resize"));
/// # });
/// ```
#[must_use = "the span ends where it is dropped"]
pub struct ActiveSpan {
    cx: Context,
    /// What its end means, if nothing happens any more.
    ending: Ending,
}

impl ActiveSpan {
    /// Starts a span below the current one.
    pub fn start<T>(tracer: &T, builder: SpanBuilder) -> Self
    where
        T: Tracer<Span: Send + Sync + 'static>,
    {
        Self::start_in(&Context::current(), tracer, builder)
    }

    /// Starts a span below that of `cx`.
    pub fn start_in<T>(cx: &Context, tracer: &T, builder: SpanBuilder) -> Self
    where
        T: Tracer<Span: Send + Sync + 'static>,
    {
        let span = tracer.build_with_context(builder, cx);
        Self { cx: cx.with_span(span), ending: Ending::Fine }
    }

    /// The context that the span is the active one of.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// Makes the span the active one in every poll of this future, and ends it when that is ready.
    pub fn run<F: Future>(mut self, future: F) -> InSpan<F> {
        self.ending = Ending::Cancelled;
        InSpan { inner: future.in_context(self.cx.clone()), span: self }
    }

    /// Makes the span the active one while `work` runs, and ends it when that returns.
    ///
    /// ```
    /// # use opentelemetry::trace::{Tracer, TracerProvider};
    /// # use throughline::otel::ActiveSpan;
    /// # use throughline_testkit::InMemorySpans;
    /// # let spans = InMemorySpans::new();
    /// # let tracer = spans.provider().tracer("docs");
    /// let span = ActiveSpan::start(&tracer, tracer.span_builder("resize"));
    /// assert_eq!(span.in_scope(|| 7), 7);
    /// # assert_eq!(spans.only().name, "resize");
    /// ```
    pub fn in_scope<T>(mut self, work: impl FnOnce() -> T) -> T {
        let _current = self.cx.clone().attach();
        self.ending = Ending::Panicked;
        let output = work();
        self.ending = Ending::Fine;
        output
    }

    /// What the end would mean from here on.
    fn expect(&mut self, ending: Ending) {
        if self.ending != Ending::Past {
            self.ending = ending;
        }
    }

    fn end(&mut self) {
        let span = self.cx.span();
        if let Some(error_type) = self.ending.error_type() {
            span.set_attribute(KeyValue::new(ERROR_TYPE, error_type));
            span.set_status(Status::error(""));
        }
        if mem::replace(&mut self.ending, Ending::Past) != Ending::Past {
            span.end();
        }
    }
}

impl Drop for ActiveSpan {
    fn drop(&mut self) {
        self.end();
    }
}

/// Leaves out the context: what was received is part of it.
impl fmt::Debug for ActiveSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.cx.span().span_context().span_id();
        f.debug_struct("ActiveSpan").field("span", &id).finish_non_exhaustive()
    }
}

/// Future of [`ActiveSpan::run`].
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct InSpan<F> {
    // Dropped before the span ends, so that what it still does is covered.
    #[pin]
    inner: InContext<F>,
    span: ActiveSpan,
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.span.expect(Ending::Panicked);
        let polled = this.inner.poll(task);
        match polled {
            Poll::Pending => this.span.expect(Ending::Cancelled),
            Poll::Ready(_) => {
                this.span.expect(Ending::Fine);
                // Whoever polls may keep the future: the span is over all the same.
                this.span.end();
            }
        }
        polled
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Fine,
    Cancelled,
    Panicked,
    /// It has ended.
    Past,
}

impl Ending {
    fn error_type(self) -> Option<&'static str> {
        match self {
            Self::Fine | Self::Past => None,
            Self::Cancelled => Some(CANCELLED),
            Self::Panicked => Some(PANIC),
        }
    }
}
