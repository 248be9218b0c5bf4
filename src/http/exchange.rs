use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::StatusCode;
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::hooks::Hooks;
use super::metrics::{Ended, Metered};
use super::spans::OpenedSpan;
use super::{EndView, Ending, Outcome, ResponseView, semconv};
use crate::otel::learned;

/// One request and its response: the context that is current while they are worked on, and the one
/// end of its span and its measurement.
///
/// An exchange waits for headers, then streams a body, until it has [ended](Ending): complete, failed,
/// upgraded, or dropped before any of these. It is ended explicitly: a task that keeps the context
/// keeps the span in memory, but does not make it longer.
///
/// The default has an empty context and nothing to end.
#[derive(Default)]
pub(super) struct Exchange {
    cx: Context,
    stage: Stage,
    recording: bool,
    /// Somebody else's code is running. Still true in `drop` only if it panicked, even if the panic
    /// was caught further out in the meantime.
    inside: bool,
    status: Option<StatusCode>,
    /// Set once: the first failure is the cause of the others.
    error_type: Option<Cow<'static, str>>,
    body_bytes: u64,
    request_bytes: Option<u64>,
    metered: Option<Metered>,
    hooks: Option<Arc<Hooks>>,
    /// Only somebody who asks for the duration pays for the clock.
    started: Option<Instant>,
}

/// Where an exchange stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// There is nothing to end, or not any more.
    #[default]
    Ended,
    /// To be dropped now is what it means by itself.
    Open { if_dropped: IfDropped },
}

/// What it means if nobody waits for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IfDropped {
    Cancelled,
    /// The caller is free to go: a client's cancellation is no error.
    Released,
    /// Nothing is missing but the end itself.
    Complete,
}

impl Exchange {
    pub(super) fn without_span(cx: Context) -> Self {
        let mut exchange = Self::default();
        exchange.cx = cx;
        exchange
    }

    pub(super) fn with_span(opened: OpenedSpan) -> Self {
        let mut exchange = Self::without_span(opened.cx);
        exchange.recording = opened.recording;
        exchange.stage = Stage::Open { if_dropped: IfDropped::Released };
        exchange
    }

    /// A drop before the end is a cancellation, and the hooks are told what happens.
    pub(super) fn watched(mut self, hooks: &Arc<Hooks>) -> Self {
        self.stage = Stage::Open { if_dropped: IfDropped::Cancelled };
        self.started = hooks.on_end.is_some().then(Instant::now);
        self.hooks = Some(Arc::clone(hooks));
        self
    }

    /// Measured until the end.
    pub(super) fn metered(&mut self, metered: Metered, request_bytes: Option<u64>) {
        self.metered = Some(metered);
        self.request_bytes = request_bytes;
    }

    pub(super) fn cx(&self) -> &Context {
        &self.cx
    }

    pub(super) fn is_recording(&self) -> bool {
        self.recording
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage != Stage::Ended
    }

    /// Nothing is missing but the end itself. Transports that know the length stop here, and drop the
    /// body without asking whether there is more.
    pub(super) fn complete(&mut self) {
        if self.is_open() {
            self.stage = Stage::Open { if_dropped: IfDropped::Complete };
        }
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
        self.note_status(status);
        if is_error {
            self.fail(Cow::Owned(status.as_str().to_owned()));
        }
    }

    /// Notes the response, and asks the hooks what it means.
    pub(super) fn answer(&mut self, response: ResponseView<'_>) {
        if !self.is_open() {
            return;
        }
        self.note_status(response.status());
        let Some(hooks) = self.hooks.clone() else { return };
        if let Some(error_type) = hooks.error_type(Outcome::Response(response)) {
            self.fail(error_type);
        }
        if let Some(on_response) = &hooks.on_response {
            on_response(response, &self.cx.span());
        }
    }

    /// Counts bytes of the body that were handed over.
    pub(super) fn count(&mut self, bytes: usize) {
        self.body_bytes = self.body_bytes.saturating_add(bytes as u64);
    }

    /// Ends with the type of an error, of low cardinality, or without one.
    pub(super) fn end(&mut self, error_type: Option<&'static str>) {
        if let (true, Some(error_type)) = (self.is_open(), error_type) {
            self.fail(Cow::Borrowed(error_type));
        }
        self.finish(if error_type.is_some() { Ending::Failed } else { Ending::Complete });
    }

    /// Ends with what the hooks may take for an error.
    pub(super) fn end_with(&mut self, ending: Ending, outcome: Outcome<'_>) {
        if !self.is_open() {
            return;
        }
        let error_type = match &self.hooks {
            Some(hooks) => hooks.error_type(outcome),
            None => outcome.error_type(),
        };
        if let Some(error_type) = error_type {
            self.fail(error_type);
        }
        self.finish(ending);
    }

    /// Ends span and measurement; later calls do nothing.
    pub(super) fn finish(&mut self, ending: Ending) {
        if mem::take(&mut self.stage) == Stage::Ended {
            return;
        }
        if let Some(metered) = self.metered.take() {
            self.record(metered);
        }
        if let Some(on_end) = self.hooks.take().as_ref().and_then(|hooks| hooks.on_end.as_ref()) {
            let route = learned(&self.cx).and_then(|learned| learned.route());
            let end = EndView {
                ending,
                status: self.status,
                error_type: self.error_type.as_deref(),
                route: route.map(AsRef::as_ref),
                duration: self.started.map_or(Duration::ZERO, |started| started.elapsed()),
                body_bytes: self.body_bytes,
            };
            on_end(end, &self.cx.span());
        }
        self.cx.span().end();
    }

    fn record(&self, metered: Metered) {
        let learned = learned(&self.cx);
        let ended = Ended {
            status: self.status,
            error_type: self.error_type.as_deref(),
            route: learned.and_then(|learned| learned.route()).map(AsRef::as_ref),
            labels: learned.map(|learned| learned.take_labels()).unwrap_or_default(),
            request_bytes: self.request_bytes,
            response_bytes: self.status.is_some().then_some(self.body_bytes),
        };
        // What an exemplar points to is the span that is current when something is measured.
        let _current = self.cx.clone().attach();
        metered.end(ended);
    }

    fn note_status(&mut self, status: StatusCode) {
        if !self.is_open() {
            return;
        }
        self.status = Some(status);
        if self.recording {
            let code = i64::from(status.as_u16());
            self.cx.span().set_attribute(KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, code));
        }
    }

    fn fail(&mut self, error_type: Cow<'static, str>) {
        if self.error_type.is_some() {
            return;
        }
        if self.recording {
            let span = self.cx.span();
            span.set_attribute(KeyValue::new(semconv::ERROR_TYPE, error_type.clone()));
            span.set_status(Status::error(""));
        }
        self.error_type = Some(error_type);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        match self.stage {
            Stage::Ended => {}
            Stage::Open { .. } if self.inside => self.end_with(Ending::Panicked, Outcome::Panicked),
            Stage::Open { if_dropped: IfDropped::Cancelled } => {
                self.end_with(Ending::Cancelled, Outcome::Cancelled);
            }
            Stage::Open { if_dropped: IfDropped::Released } => self.finish(Ending::Cancelled),
            Stage::Open { if_dropped: IfDropped::Complete } => self.finish(Ending::Complete),
        }
    }
}

/// Leaves out the context: a received tracestate is part of its span.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("stage", &self.stage)
            .field("recording", &self.recording)
            .field("status", &self.status)
            .field("error_type", &self.error_type)
            .finish_non_exhaustive()
    }
}
