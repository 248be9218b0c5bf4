use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::StatusCode;
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::captured::CapturedHeaders;
use super::hooks::Hooks;
use super::metrics::{Ended, Metered};
use super::side::Side;
use super::spans::OpenedSpan;
use super::tracing_span::TracingSpan;
use super::{EndView, Ending, Outcome, RequestView, ResponseView, semconv};
use crate::otel::{self, Learned};

/// One request and its response, of a server or of a client: the context that is current while they
/// are worked on, and the one end of its span and its measurement.
///
/// An exchange waits for headers, then streams a body, until it has [ended](Ending): complete, failed,
/// upgraded, or dropped before any of these. It is ended explicitly: a task that keeps the context
/// keeps the span in memory, but does not make it longer. What of that is an error, the
/// [hooks](Hooks) know.
///
/// The default has an empty context and nothing to end.
#[derive(Default)]
pub(super) struct Exchange {
    cx: Context,
    /// Nothing depends on what is current: 110 instructions less for each call, poll and frame.
    aside: bool,
    /// Entered where the context is current.
    tracing: Option<TracingSpan>,
    /// Somebody else's code is running. Still true in `drop` only if it panicked, even if the panic
    /// was caught further out in the meantime.
    inside: bool,
    /// What has to be ended.
    live: Option<Live>,
}

struct Live {
    hooks: Arc<Hooks>,
    recording: bool,
    /// Nothing is missing but the end itself: a drop is that end.
    complete: bool,
    status: Option<StatusCode>,
    /// Set once: the first failure is the cause of the others.
    error_type: Option<Cow<'static, str>>,
    body_bytes: u64,
    /// In one place, since an exchange moves from the call to the future to the body.
    metered: Option<Box<Metered>>,
    /// Only somebody who asks for the duration pays for the clock.
    started: Option<Instant>,
}

impl Exchange {
    pub(super) fn without_span(cx: Context) -> Self {
        let mut exchange = Self::default();
        exchange.cx = cx;
        exchange
    }

    /// Leaves what is current as it is.
    pub(super) fn aside() -> Self {
        let mut exchange = Self::default();
        exchange.aside = true;
        exchange
    }

    pub(super) fn with_span(opened: OpenedSpan, hooks: &Arc<Hooks>) -> Self {
        let mut exchange = Self::without_span(opened.cx);
        exchange.tracing = opened.tracing;
        exchange.live = Some(Live {
            hooks: Arc::clone(hooks),
            recording: opened.recording,
            complete: false,
            status: None,
            error_type: None,
            body_bytes: 0,
            metered: None,
            started: hooks.on_end.is_some().then(Instant::now),
        });
        exchange
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

    /// Nothing is missing but the end itself. Transports that know the length stop here, and drop the
    /// body without asking whether there is more.
    pub(super) fn complete(&mut self) {
        if let Some(live) = &mut self.live {
            live.complete = true;
        }
    }

    /// Runs somebody else's code with the context as the current one.
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.inside = true;
        let out = {
            // Entering a span may make a context current by itself: ours goes on top of that.
            let _entered = self.tracing.as_ref().map(TracingSpan::enter);
            let _current = (!self.aside).then(|| self.cx.clone().attach());
            work()
        };
        self.inside = false;
        out
    }

    /// Shows the request to the hooks. A panic of theirs is one of the request.
    pub(super) fn announce(&mut self, request: RequestView<'_>) {
        let Some(live) = &self.live else { return };
        if let Some(on_request) = live.hooks.on_request.clone() {
            let cx = self.cx.clone();
            self.run(|| on_request(request, &cx.span()));
        }
    }

    /// Notes the response, and asks the hooks what it means.
    pub(super) fn answer(&mut self, response: ResponseView<'_>, captured: &CapturedHeaders) {
        let Some(live) = &mut self.live else { return };
        live.note(&self.cx, self.tracing.as_ref(), response, captured);
        live.judge(&self.cx, self.tracing.as_ref(), Outcome::Response(response));
        self.rename();
        let Some(live) = &self.live else { return };
        if let Some(on_response) = live.hooks.on_response.clone() {
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

    /// Ends with what the hooks may take for an error.
    pub(super) fn end_with(&mut self, ending: Ending, outcome: Outcome<'_>) {
        if let Some(live) = &mut self.live {
            live.judge(&self.cx, self.tracing.as_ref(), outcome);
        }
        self.finish(ending);
    }

    /// Ends span and measurement; later calls do nothing.
    pub(super) fn finish(&mut self, ending: Ending) {
        self.rename();
        if let Some(live) = self.live.take() {
            live.finish(&self.cx, self.tracing.as_ref(), ending);
        }
    }

    /// Tells log lines the name, if it turned out late.
    fn rename(&mut self) {
        let (Some(tracing), Some(live)) = (&mut self.tracing, &self.live) else { return };
        if let Some(name) = live.learned(&self.cx).and_then(Learned::transaction) {
            tracing.rename(name);
        }
    }
}

impl Live {
    fn note(
        &mut self,
        cx: &Context,
        tracing: Option<&TracingSpan>,
        response: ResponseView<'_>,
        captured: &CapturedHeaders,
    ) {
        self.status = Some(response.status());
        if let Some(tracing) = tracing {
            tracing.record_status(response.status());
        }
        if self.recording {
            let span = cx.span();
            if tracing.is_none() {
                let code = i64::from(response.status().as_u16());
                span.set_attribute(KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, code));
            }
            span.set_attributes(captured.of(response.headers()));
        }
    }

    fn judge(&mut self, cx: &Context, tracing: Option<&TracingSpan>, outcome: Outcome<'_>) {
        if let Some(error_type) = self.hooks.error_type(outcome) {
            self.fail(cx, tracing, error_type);
        }
    }

    fn fail(&mut self, cx: &Context, tracing: Option<&TracingSpan>, error_type: Cow<'static, str>) {
        if self.error_type.is_some() {
            return;
        }
        if let Some(tracing) = tracing {
            tracing.record_error_type(&error_type);
        }
        if self.recording {
            let span = cx.span();
            if tracing.is_none() {
                span.set_attribute(KeyValue::new(semconv::ERROR_TYPE, error_type.clone()));
            }
            span.set_status(Status::error(""));
        }
        self.error_type = Some(error_type);
    }

    fn finish(mut self, cx: &Context, tracing: Option<&TracingSpan>, ending: Ending) {
        if let Some(metered) = self.metered.take() {
            self.record(cx, *metered);
        }
        if let Some(on_end) = &self.hooks.on_end {
            // Left again before the end, which locks the span: what an exporter logs meanwhile would
            // become an event of it, and wait for that lock for ever.
            let _entered = tracing.map(TracingSpan::enter);
            on_end(self.end_view(cx, ending), &cx.span());
        }
        cx.span().end();
    }

    fn record(&self, cx: &Context, metered: Metered) {
        let learned = self.learned(cx);
        let ended = Ended {
            status: self.status,
            error_type: self.error_type.as_deref(),
            route: learned.and_then(Learned::route).map(AsRef::as_ref),
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
            route: self.learned(cx).and_then(Learned::route).map(AsRef::as_ref),
            duration: self.started.map_or(Duration::ZERO, |started| started.elapsed()),
            body_bytes: self.body_bytes,
        }
    }

    /// What turned out about the request. A client's context is that of the handler which calls, with
    /// what turned out about the handler's own.
    fn learned<'a>(&self, cx: &'a Context) -> Option<&'a Learned> {
        match self.hooks.side {
            Side::Client => None,
            Side::Server => otel::learned(cx),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Some(live) = &self.live else { return };
        if self.inside {
            self.end_with(Ending::Panicked, Outcome::Panicked);
        } else if live.complete {
            self.finish(Ending::Complete);
        } else {
            self.end_with(Ending::Cancelled, Outcome::Cancelled);
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
