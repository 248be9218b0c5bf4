use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, StatusCode};
use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::captured::CapturedHeaders;
use super::grpc::{self, Rpc};
use super::hooks::Hooks;
use super::metrics::{Call, Ended, Metered};
use super::side::Side;
use super::spans::OpenedSpan;
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
    rpc: Option<Box<Rpc>>,
}

impl Exchange {
    pub(super) fn without_span(cx: Context) -> Self {
        let mut exchange = Self::default();
        exchange.cx = cx;
        exchange
    }

    pub(super) fn with_span(opened: OpenedSpan, hooks: &Arc<Hooks>) -> Self {
        let mut exchange = Self::without_span(opened.cx);
        exchange.live = Some(Live {
            hooks: Arc::clone(hooks),
            recording: opened.recording,
            complete: false,
            status: None,
            error_type: None,
            body_bytes: 0,
            metered: None,
            started: hooks.on_end.is_some().then(Instant::now),
            rpc: None,
        });
        exchange
    }

    /// The request is a call of gRPC.
    pub(super) fn calls(&mut self, rpc: Rpc) {
        if let Some(live) = &mut self.live {
            live.rpc = Some(Box::new(rpc));
        }
    }

    pub(super) fn is_rpc(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.rpc.is_some())
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
        let current = self.cx.clone().attach();
        let out = work();
        drop(current);
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
        live.note(&self.cx, response, captured);
        live.judge(&self.cx, Outcome::Response(response));
        if let Some(on_response) = live.hooks.on_response.clone() {
            let cx = self.cx.clone();
            self.run(|| on_response(response, &cx.span()));
        }
    }

    /// Notes what stands behind the body.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(rpc) = self.live.as_mut().and_then(|live| live.rpc.as_mut()) {
            rpc.read(trailers);
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
            live.judge(&self.cx, outcome);
        }
        self.finish(ending);
    }

    /// Ends span and measurement; later calls do nothing.
    pub(super) fn finish(&mut self, ending: Ending) {
        if let Some(mut live) = self.live.take() {
            if live.rpc.is_some() {
                live.settle(&self.cx, ending);
            }
            live.finish(&self.cx, ending);
        }
    }

    /// Ends with the headers, whatever comes behind them.
    pub(super) fn finish_at_headers(&mut self) {
        if let Some(rpc) = self.live.as_mut().and_then(|live| live.rpc.as_mut()) {
            rpc.stop_at_headers();
        }
        self.finish(Ending::Complete);
    }
}

impl Live {
    fn note(&mut self, cx: &Context, response: ResponseView<'_>, captured: &CapturedHeaders) {
        self.status = Some(response.status());
        if let Some(rpc) = &mut self.rpc {
            self.complete = rpc.answer(response);
        }
        if self.recording {
            let span = cx.span();
            // Every answer of gRPC is a 200: what has gone wrong is told otherwise.
            if self.rpc.is_none() || response.status() != StatusCode::OK {
                let code = i64::from(response.status().as_u16());
                span.set_attribute(KeyValue::new(semconv::HTTP_RESPONSE_STATUS_CODE, code));
            }
            span.set_attributes(captured.of(response.headers()));
        }
    }

    fn judge(&mut self, cx: &Context, outcome: Outcome<'_>) {
        if let Some(error_type) = self.hooks.error_type(outcome) {
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
        if let Some(on_end) = &self.hooks.on_end {
            on_end(self.end_view(cx, ending), &cx.span());
        }
        cx.span().end();
    }

    /// What has become of a call of gRPC, which its last bytes tell. Out of the way of other requests.
    #[cold]
    fn settle(&mut self, cx: &Context, ending: Ending) {
        let Some(rpc) = &mut self.rpc else { return };
        let status = rpc.end(ending);
        if self.recording {
            let span = cx.span();
            if let Some(status) = status {
                span.set_attribute(KeyValue::new(grpc::RPC_RESPONSE_STATUS_CODE, status));
            }
            let server = self.hooks.side == Side::Server;
            if server && rpc.is_unknown() && self.hooks.span_name.is_none() {
                span.update_name(grpc::SYSTEM);
            }
        }
        if let (Some(status), Ending::Complete) = (status, ending) {
            self.judge(cx, Outcome::GrpcStatus(status));
        }
    }

    fn record(&self, cx: &Context, metered: Metered) {
        let learned = self.learned(cx);
        let ended = Ended {
            status: self.status,
            error_type: self.error_type.as_deref(),
            route: learned.and_then(Learned::route).map(AsRef::as_ref),
            labels: learned.map(Learned::take_labels).unwrap_or_default(),
            response_bytes: self.status.is_some().then_some(self.body_bytes),
            call: self
                .rpc
                .as_deref()
                .map(|rpc| Call { method: rpc.method(self.hooks.side), status: rpc.status() }),
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
            grpc_status: self.rpc.as_deref().and_then(Rpc::status),
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
