use std::borrow::Cow;
use std::fmt;

use ::http::StatusCode;
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, ContextGuard, KeyValue};

use super::semconv;
use super::tracing_span::{Entered, TracingSpan};
use crate::otel::Opened;

/// What is current while a request is worked on: a context with its active span, and that span as
/// users of `tracing` see it.
#[derive(Default)]
pub(super) struct Active {
    pub(super) cx: Context,
    pub(super) tracing: Option<TracingSpan>,
    /// The span takes attributes.
    pub(super) recording: bool,
    /// Somebody further out has made current what is to be.
    aside: bool,
}

impl Active {
    /// A context in which nobody has opened a span for the request.
    pub(super) fn without_span(cx: Context) -> Self {
        Self { cx, ..Self::default() }
    }

    /// A context with the span that was opened for the request.
    pub(super) fn with_span(opened: Opened, tracing: Option<TracingSpan>) -> Self {
        let Opened { cx, recording } = opened;
        Self { cx, tracing, recording, aside: false }
    }

    /// Leaves what is current as it is.
    pub(super) fn aside() -> Self {
        Self { aside: true, ..Self::default() }
    }

    /// Makes it current until the guard is dropped.
    #[inline]
    pub(super) fn enter(&self) -> ActiveGuard<'_> {
        // Entering a span may make a context current by itself: ours goes on top of that.
        let entered = self.tracing.as_ref().map(TracingSpan::enter);
        let current = (!self.aside).then(|| self.cx.clone().attach());
        ActiveGuard { _current: current, _entered: entered }
    }

    pub(super) fn tell_status(&self, status: StatusCode) {
        if let Some(tracing) = &self.tracing {
            tracing.record_status(status);
        } else if self.recording {
            let code = i64::from(status.as_u16());
            self.tell(KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, code));
        }
    }

    /// Tells that the request has failed.
    pub(super) fn tell_error(&self, error_type: Cow<'static, str>) {
        if let Some(tracing) = &self.tracing {
            tracing.record_error_type(&error_type);
        } else if self.recording {
            self.tell(KeyValue::new(semconv::ERROR_TYPE, error_type));
        }
        if self.recording {
            self.cx.span().set_status(Status::error(""));
        }
    }

    /// Adds an attribute that is no field of [`TracingSpan`].
    pub(super) fn tell(&self, attribute: KeyValue) {
        self.cx.span().set_attribute(attribute);
    }

    /// Tells log lines a name that turned out late. Whoever told it has told OpenTelemetry.
    pub(super) fn rename_in_tracing(&mut self, name: &str) {
        if let Some(tracing) = &mut self.tracing {
            tracing.rename(name);
        }
    }
}

/// Leaves out the context: a received tracestate is part of its span.
impl fmt::Debug for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Active").field("recording", &self.recording).finish_non_exhaustive()
    }
}

/// What was current before comes back when this is dropped, the inner one first.
pub(super) struct ActiveGuard<'a> {
    _current: Option<ContextGuard>,
    _entered: Option<Entered<'a>>,
}
