use std::fmt;
use std::mem;

use ::http::StatusCode;
use opentelemetry::trace::{SpanRef, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::semconv;
use super::spans::OpenedSpan;

/// One request and its response: the context that is current while they are worked on, and the one
/// end of its span.
///
/// The span is waiting for headers or streaming a body until [`end`](Self::end) is called or the
/// exchange is dropped; then it has ended, failed or was cancelled. It is ended explicitly: a task
/// that keeps the context keeps the span in memory, but does not make it longer.
///
/// The default has an empty context and no span.
#[derive(Default)]
pub(super) struct Exchange {
    cx: Context,
    open: bool,
    recording: bool,
    /// `error.type` is set. It is set once: the first failure is the cause of the others.
    failed: bool,
    /// Somebody else's code is running. Still true in `drop` only if it panicked, even if the panic
    /// was caught further out in the meantime.
    inside: bool,
    /// `error.type` for the case that nobody waits for the end.
    if_dropped: Option<&'static str>,
}

impl Exchange {
    pub(super) fn without_span(cx: Context) -> Self {
        Self { cx, ..Self::default() }
    }

    pub(super) fn with_span(opened: OpenedSpan) -> Self {
        let OpenedSpan { cx, recording } = opened;
        Self { cx, open: true, recording, ..Self::default() }
    }

    /// Says what it means if the exchange is dropped before its end: `None` if that is fine.
    pub(super) fn if_dropped(mut self, error_type: Option<&'static str>) -> Self {
        self.if_dropped = error_type;
        self
    }

    /// Nothing is missing but the end itself. Transports that know the length stop here, and drop the
    /// body without asking whether there is more.
    pub(super) fn complete(&mut self) {
        self.if_dropped = None;
    }

    /// Runs somebody else's code with the context as the current one.
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.inside = true;
        let current = self.cx.clone().attach();
        let out = work();
        drop(current);
        self.inside = false;
        out
    }

    /// Notes the response's status.
    pub(super) fn respond(&mut self, status: StatusCode, is_error: bool) {
        if !self.open || !self.recording {
            return;
        }
        let code = i64::from(status.as_u16());
        self.cx.span().set_attribute(KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, code));
        if is_error {
            self.fail(code.to_string());
        }
    }

    /// Ends the span; later calls do nothing. `error_type` is of low cardinality.
    pub(super) fn end(&mut self, error_type: Option<&'static str>) {
        if !mem::take(&mut self.open) {
            return;
        }
        if let Some(error_type) = error_type {
            self.fail(error_type);
        }
        self.cx.span().end();
    }

    /// The span, if it is recorded and has not ended.
    pub(super) fn span(&self) -> Option<SpanRef<'_>> {
        (self.open && self.recording).then(|| self.cx.span())
    }

    /// Makes the span one of a failure. The first one counts: it is the cause of the others.
    pub(super) fn fail(&mut self, error_type: impl Into<opentelemetry::StringValue>) {
        if self.failed || !self.recording {
            return;
        }
        self.failed = true;
        let span = self.cx.span();
        span.set_attribute(KeyValue::new(semconv::ERROR_TYPE, error_type.into()));
        span.set_status(Status::error(""));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let error_type = if self.inside { Some(semconv::PANIC) } else { self.if_dropped };
        self.end(error_type);
    }
}

/// Leaves out the context: a received tracestate is part of its span.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("open", &self.open)
            .field("recording", &self.recording)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
