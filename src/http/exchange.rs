use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::StatusCode;
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::hooks::Hooks;
use super::metrics::{Ended, Metered};
use super::spans::OpenedSpan;
use super::{EndView, Ending, Outcome, ResponseView, semconv};
use crate::otel::{Learned, learned};

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
    /// Somebody else's code is running. Still true in `drop` only if it panicked, even if the panic
    /// was caught further out in the meantime.
    inside: bool,
    /// What has to be ended.
    live: Option<Live>,
}

#[derive(Default)]
struct Live {
    if_dropped: IfDropped,
    recording: bool,
    status: Option<StatusCode>,
    /// Set once: the first failure is the cause of the others.
    error_type: Option<Cow<'static, str>>,
    body_bytes: u64,
    /// In one place, since an exchange moves from the call to the future to the body.
    metered: Option<Box<Metered>>,
    hooks: Option<Arc<Hooks>>,
    /// Only somebody who asks for the duration pays for the clock.
    started: Option<Instant>,
}

/// What it means if nobody waits for the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum IfDropped {
    /// The caller is free to go: a client's cancellation is no error.
    #[default]
    Released,
    Cancelled,
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
        exchange.live = Some(Live { recording: opened.recording, ..Live::default() });
        exchange
    }

    /// A drop before the end is a cancellation, and the hooks are told what happens.
    pub(super) fn watched(mut self, hooks: &Arc<Hooks>) -> Self {
        if let Some(live) = &mut self.live {
            live.if_dropped = IfDropped::Cancelled;
            live.started = hooks.on_end.is_some().then(Instant::now);
            live.hooks = Some(Arc::clone(hooks));
        }
        self
    }

    /// Measured until the end.
    pub(super) fn metered(&mut self, metered: Metered) {
        if let Some(live) = &mut self.live {
            live.metered = Some(Box::new(metered));
        }
    }

    pub(super) fn cx(&self) -> &Context {
        &self.cx
    }

    /// Whether there is an end to come.
    pub(super) fn is_open(&self) -> bool {
        self.live.is_some()
    }

    pub(super) fn is_recording(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.recording)
    }

    /// Nothing is missing but the end itself. Transports that know the length stop here, and drop the
    /// body without asking whether there is more.
    pub(super) fn complete(&mut self) {
        if let Some(live) = &mut self.live {
            live.if_dropped = IfDropped::Complete;
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
        let Some(live) = &mut self.live else { return };
        live.note_status(&self.cx, status);
        if is_error {
            live.fail(&self.cx, Cow::Owned(status.as_str().to_owned()));
        }
    }

    /// Notes the response, and asks the hooks what it means.
    pub(super) fn answer(&mut self, response: ResponseView<'_>) {
        let Some(live) = &mut self.live else { return };
        live.note_status(&self.cx, response.status());
        live.judge(&self.cx, Outcome::Response(response));
        let hooks = live.hooks.as_ref();
        if let Some(on_response) = hooks.and_then(|hooks| hooks.on_response.clone()) {
            let cx = self.cx.clone();
            self.run(|| on_response(response, &cx.span()));
        }
    }

    /// Counts bytes of the body that were handed over.
    pub(super) fn count(&mut self, bytes: usize) {
        if let Some(live) = &mut self.live {
            live.body_bytes = live.body_bytes.saturating_add(bytes as u64);
        }
    }

    /// Ends with the type of an error, of low cardinality, or without one.
    pub(super) fn end(&mut self, error_type: Option<&'static str>) {
        if let (Some(live), Some(error_type)) = (&mut self.live, error_type) {
            live.fail(&self.cx, Cow::Borrowed(error_type));
        }
        self.finish(if error_type.is_some() { Ending::Failed } else { Ending::Complete });
    }

    /// Ends with what the hooks may take for an error.
    pub(super) fn end_with(&mut self, ending: Ending, outcome: Outcome<'_>) {
        if let Some(live) = &mut self.live {
            live.judge(&self.cx, outcome);
        }
        self.finish(ending);
    }

    /// Ends span and measurement; later calls do nothing.
    pub(super) fn finish(&mut self, ending: Ending) {
        if let Some(live) = self.live.take() {
            live.finish(&self.cx, ending);
        }
    }
}

impl Live {
    fn note_status(&mut self, cx: &Context, status: StatusCode) {
        self.status = Some(status);
        if self.recording {
            let code = i64::from(status.as_u16());
            cx.span().set_attribute(KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, code));
        }
    }

    fn judge(&mut self, cx: &Context, outcome: Outcome<'_>) {
        let error_type = match &self.hooks {
            Some(hooks) => hooks.error_type(outcome),
            None => outcome.error_type(),
        };
        if let Some(error_type) = error_type {
            self.fail(cx, error_type);
        }
    }

    fn fail(&mut self, cx: &Context, error_type: Cow<'static, str>) {
        if self.error_type.is_some() {
            return;
        }
        if self.recording {
            let span = cx.span();
            span.set_attribute(KeyValue::new(semconv::ERROR_TYPE, error_type.clone()));
            span.set_status(Status::error(""));
        }
        self.error_type = Some(error_type);
    }

    fn finish(mut self, cx: &Context, ending: Ending) {
        if let Some(metered) = self.metered.take() {
            self.record(cx, *metered);
        }
        if let Some(on_end) = self.hooks.as_ref().and_then(|hooks| hooks.on_end.as_ref()) {
            on_end(self.end_view(cx, ending), &cx.span());
        }
        cx.span().end();
    }

    fn record(&self, cx: &Context, metered: Metered) {
        let learned = learned(cx);
        let ended = Ended {
            status: self.status,
            error_type: self.error_type.as_deref(),
            route: route(cx),
            labels: learned.map(Learned::take_labels).unwrap_or_default(),
            response_bytes: self.status.is_some().then_some(self.body_bytes),
        };
        // What an exemplar points to is the span that is current when something is measured.
        let _current = cx.clone().attach();
        metered.end(ended);
    }

    fn end_view<'a>(&'a self, cx: &'a Context, ending: Ending) -> EndView<'a> {
        EndView {
            ending,
            status: self.status,
            error_type: self.error_type.as_deref(),
            route: route(cx),
            duration: self.started.map_or(Duration::ZERO, |started| started.elapsed()),
            body_bytes: self.body_bytes,
        }
    }
}

fn route(cx: &Context) -> Option<&str> {
    learned(cx)?.route().map(AsRef::as_ref)
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(live) = &self.live else { return };
        match live.if_dropped {
            _ if self.inside => self.end_with(Ending::Panicked, Outcome::Panicked),
            IfDropped::Cancelled => self.end_with(Ending::Cancelled, Outcome::Cancelled),
            IfDropped::Released => self.finish(Ending::Cancelled),
            IfDropped::Complete => self.finish(Ending::Complete),
        }
    }
}

/// Leaves out the context: a received tracestate is part of its span.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.live.as_ref();
        f.debug_struct("Exchange")
            .field("open", &live.is_some())
            .field("status", &live.and_then(|live| live.status))
            .field("error_type", &live.and_then(|live| live.error_type.as_deref()))
            .finish_non_exhaustive()
    }
}
