use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::labels::with_error;
use super::role::Role;
use super::semconv;
use super::settings::Settings;
use crate::context::TraceContext;
use crate::otel::{Opened, told};

/// One message that is sent or processed: the context that is current meanwhile, and the one end of
/// its span and its measurement.
pub(super) struct Operation {
    cx: Context,
    /// Somebody else's code is running. Still true in `drop` only if it panicked, even if the panic
    /// was caught further out in the meantime.
    inside: bool,
    /// What has to be ended.
    live: Option<Live>,
}

struct Live {
    recording: bool,
    measured: Option<Measured>,
}

/// Only who wants metrics pays for the clock.
struct Measured {
    settings: Arc<Settings>,
    role: Role,
    messages: u64,
    started: Instant,
}

impl Operation {
    pub(super) fn without_span(cx: Context) -> Self {
        Self { cx, inside: false, live: None }
    }

    /// An operation on so many messages, measured if the settings say so.
    pub(super) fn with_span(
        opened: Opened,
        settings: &Arc<Settings>,
        role: Role,
        messages: usize,
    ) -> Self {
        let Opened { cx, recording } = opened;
        let measured = settings.metrics.is_some().then(|| Measured {
            settings: Arc::clone(settings),
            role,
            messages: messages as u64,
            started: Instant::now(),
        });
        Self { cx, inside: false, live: Some(Live { recording, measured }) }
    }

    pub(super) fn cx(&self) -> &Context {
        &self.cx
    }

    /// Whether there is a span that takes attributes.
    pub(super) fn is_recording(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.recording)
    }

    /// What the other side has to be told.
    pub(super) fn trace_context(&self) -> TraceContext {
        told(&self.cx)
    }

    /// Runs somebody else's code.
    pub(super) fn run<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.inside = true;
        let out = work();
        self.inside = false;
        out
    }

    /// Ends span and measurement; later calls do nothing.
    pub(super) fn end(&mut self, error_type: Option<Cow<'static, str>>) {
        let Some(live) = self.live.take() else { return };
        if let Some(measured) = live.measured {
            // What an exemplar points to is the span that is current when something is measured.
            let _current = self.cx.clone().attach();
            measured.record(error_type.as_ref());
        }
        let span = self.cx.span();
        if let Some(error_type) = error_type.filter(|_| live.recording) {
            span.set_attribute(KeyValue::new(semconv::ERROR_TYPE, error_type));
            span.set_status(Status::error(""));
        }
        span.end();
    }

    /// Ends it as the result says.
    pub(super) fn end_with<T, E>(&mut self, result: &Result<T, E>) {
        self.end(result.is_err().then(|| semconv::error_type::<E>().into()));
    }
}

impl Measured {
    fn record(&self, error_type: Option<&Cow<'static, str>>) {
        let Some(metrics) = &self.settings.metrics else { return };
        let (instruments, labels) = (metrics.instruments(), &self.settings.labels);
        let elapsed = self.started.elapsed().as_secs_f64();
        match self.role {
            Role::Send => {
                let sent = with_error(&labels.sent, error_type);
                instruments.sent_messages.add(self.messages, &sent);
                let sending = with_error(&labels.sending, error_type);
                instruments.operation_duration.record(elapsed, &sending);
            }
            Role::Process => {
                let processing = with_error(&labels.processing, error_type);
                instruments.process_duration.record(elapsed, &processing);
            }
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let panicked = self.inside || thread::panicking();
        self.end(Some(if panicked { semconv::PANIC } else { semconv::CANCELLED }.into()));
    }
}

/// Leaves out the context: what was received is part of it.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("open", &self.live.is_some()).finish_non_exhaustive()
    }
}
