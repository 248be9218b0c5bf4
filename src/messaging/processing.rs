use std::borrow::Cow;

use opentelemetry::Context;

use super::MessageFuture;
use super::message_future::{any, result};
use super::operation::Operation;
use crate::context::TraceContext;

/// A message that is being processed, from [`Messaging::process`](super::Messaging::process), or a
/// batch of them.
///
/// Its span ends with one of the methods that take it. If it is dropped instead, it counts as cancelled,
/// or as panicked if a panic drops it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use throughline::context::TraceContext;
/// use throughline::messaging::{MessageView, Messaging};
/// use throughline::propagation::Propagator;
///
/// let headers = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
/// let found = Propagator::default().extract(&headers[..]);
/// let processing = Messaging::new("kafka").process(MessageView::new(), &found);
/// let seen = processing.run(async { TraceContext::current() }).await;
/// assert_eq!(seen.parent().unwrap().trace_id(), found.context.parent().unwrap().trace_id());
/// # });
/// ```
#[derive(Debug)]
#[must_use = "a message that is dropped counts as cancelled"]
pub struct Processing(pub(super) Operation);

impl Processing {
    /// What the next hop has to be told: the span as parent, or what came in if there is none.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.0.trace_context()
    }

    /// The context that the span is the active one of, to be attached by who works without a future.
    #[must_use]
    pub fn cx(&self) -> &Context {
        self.0.cx()
    }

    /// Whether the span takes attributes. Who adds some asks first, so as not to make them in vain.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.0.is_recording()
    }

    /// The message is processed.
    pub fn succeeded(mut self) {
        self.0.end(None);
    }

    /// It could not be processed. The type of the error becomes a label of metrics: there have to be few
    /// of them, and none with a received value in it.
    pub fn failed(mut self, error_type: impl Into<Cow<'static, str>>) {
        self.0.end(Some(error_type.into()));
    }

    /// What became of it: an error's type is that of `E`.
    pub fn end_with<T, E>(mut self, result: &Result<T, E>) {
        self.0.end_with(result);
    }

    /// Processes the message in its span, which is current in each poll and ends with the future.
    /// Whatever its output is, the message is processed.
    pub fn run<F: Future>(self, future: F) -> MessageFuture<F> {
        MessageFuture::new(future, self.0, any)
    }

    /// As [`run`](Self::run), with [`end_with`](Self::end_with) the output.
    pub fn try_run<F, T, E>(self, future: F) -> MessageFuture<F>
    where
        F: Future<Output = Result<T, E>>,
    {
        MessageFuture::new(future, self.0, result)
    }
}
