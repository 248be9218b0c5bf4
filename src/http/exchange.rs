use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{HeaderMap, StatusCode};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};

use super::active::Active;
use super::captured::CapturedHeaders;
use super::grpc::{self, Rpc};
use super::hooks::Hooks;
use super::metrics::{Call, Ended, Metered};
use super::side::Side;
use super::tracing_span::TracingSpan;
use super::{EndView, Ending, Outcome, RequestView, ResponseView};
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
    active: Active,
    /// Somebody else's code is running. Still true in `drop` only if it panicked, even if the panic
    /// was caught further out in the meantime.
    inside: bool,
    /// What has to be ended.
    live: Option<Live>,
}

struct Live {
    hooks: Arc<Hooks>,
    /// Nothing is missing but the end itself: a drop is that end.
    complete: bool,
    status: Option<StatusCode>,
    /// Set once: the first failure is the cause of the others.
    error_type: Option<Cow<'static, str>>,
    body_bytes: u64,
    /// In one place, since an exchange moves from the call to the future to the body.
    extras: Option<Box<Extras>>,
}

/// What is asked for besides the span.
#[derive(Default)]
struct Extras {
    metered: Option<Metered>,
    /// Only somebody who asks for the duration pays for the clock.
    started: Option<Instant>,
    rpc: Option<Rpc>,
}

impl Exchange {
    pub(super) fn without_span(cx: Context) -> Self {
        Self::within(Active::without_span(cx))
    }

    /// Leaves what is current as it is.
    pub(super) fn aside() -> Self {
        Self::within(Active::aside())
    }

    fn within(active: Active) -> Self {
        Self { active, inside: false, live: None }
    }

    pub(super) fn with_span(active: Active, hooks: &Arc<Hooks>) -> Self {
        let mut live = Live {
            hooks: Arc::clone(hooks),
            complete: false,
            status: None,
            error_type: None,
            body_bytes: 0,
            extras: None,
        };
        if hooks.on_end.is_some() {
            live.extras().started = Some(Instant::now());
        }
        Self { active, inside: false, live: Some(live) }
    }

    /// The request is a call of gRPC.
    pub(super) fn calls(&mut self, rpc: Rpc) {
        if let Some(live) = &mut self.live {
            live.extras().rpc = Some(rpc);
        }
    }

    pub(super) fn is_rpc(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.rpc().is_some())
    }

    /// Measured until the end.
    pub(super) fn metered(&mut self, metered: Metered) {
        if let Some(live) = &mut self.live {
            live.extras().metered = Some(metered);
        }
    }

    pub(super) fn cx(&self) -> &Context {
        &self.active.cx
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
        let current = self.active.enter();
        let out = work();
        drop(current);
        self.inside = false;
        out
    }

    /// Shows the request to the hooks. A panic of theirs is one of the request.
    pub(super) fn announce(&mut self, request: RequestView<'_>) {
        let Some(live) = &self.live else { return };
        if let Some(on_request) = live.hooks.on_request.clone() {
            let cx = self.active.cx.clone();
            self.run(|| on_request(request, &cx.span()));
        }
    }

    /// Notes the response, and asks the hooks what it means.
    pub(super) fn answer(&mut self, response: ResponseView<'_>, captured: &CapturedHeaders) {
        let Some(live) = &mut self.live else { return };
        live.note(&self.active, response, captured);
        live.judge(&self.active, Outcome::Response(response));
        self.rename();
        let Some(live) = &self.live else { return };
        if let Some(on_response) = live.hooks.on_response.clone() {
            let cx = self.active.cx.clone();
            self.run(|| on_response(response, &cx.span()));
        }
    }

    /// Notes what stands behind the body.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(rpc) = self.live.as_mut().and_then(Live::rpc_mut) {
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
            live.judge(&self.active, outcome);
        }
        self.finish(ending);
    }

    /// Ends span and measurement; later calls do nothing.
    pub(super) fn finish(&mut self, ending: Ending) {
        self.rename();
        if let Some(mut live) = self.live.take() {
            if live.rpc().is_some() {
                live.settle(&mut self.active, ending);
            }
            live.finish(&self.active, ending);
        }
    }

    /// Tells log lines the name, if it turned out late.
    fn rename(&mut self) {
        if self.active.tracing.is_none() {
            return;
        }
        let learned = self.live.as_ref().and_then(|live| live.learned(&self.active.cx));
        if let Some(name) = learned.and_then(Learned::transaction).cloned() {
            self.active.rename_in_tracing(&name);
        }
    }

    /// Ends with the headers, whatever comes behind them.
    pub(super) fn finish_at_headers(&mut self) {
        if let Some(rpc) = self.live.as_mut().and_then(Live::rpc_mut) {
            rpc.stop_at_headers();
        }
        self.finish(Ending::Complete);
    }
}

impl Live {
    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    fn rpc(&self) -> Option<&Rpc> {
        self.extras.as_ref()?.rpc.as_ref()
    }

    fn rpc_mut(&mut self) -> Option<&mut Rpc> {
        self.extras.as_mut()?.rpc.as_mut()
    }

    fn note(&mut self, active: &Active, response: ResponseView<'_>, captured: &CapturedHeaders) {
        let status = response.status();
        self.status = Some(status);
        let answered = self.rpc_mut().map(|rpc| rpc.answer(response));
        self.complete |= answered.unwrap_or_default();
        // Every answer of gRPC is a 200: what has gone wrong is told otherwise.
        if answered.is_none() || status != StatusCode::OK {
            active.tell_status(status);
        }
        if active.recording && captured.len() > 0 {
            active.cx.span().set_attributes(captured.of(response.headers()));
        }
    }

    fn judge(&mut self, active: &Active, outcome: Outcome<'_>) {
        let error_type = self.hooks.error_type(outcome).filter(|_| self.error_type.is_none());
        if let Some(error_type) = error_type {
            active.tell_error(error_type.clone());
            self.error_type = Some(error_type);
        }
    }

    fn finish(mut self, active: &Active, ending: Ending) {
        let metered = self.extras.as_mut().and_then(|extras| extras.metered.take());
        if let Some(metered) = metered {
            self.record(&active.cx, metered);
        }
        if self.hooks.on_end.is_some() {
            // Left again before the end, which locks the span: what an exporter logs meanwhile would
            // become an event of it, and wait for that lock for ever.
            let _entered = active.tracing.as_ref().map(TracingSpan::enter);
            self.hooks.end(self.end_view(&active.cx, ending), &active.cx.span());
        }
        // To end any other means nothing, and takes the clock and a lock.
        if active.recording {
            active.cx.span().end();
        }
    }

    /// What has become of a call of gRPC, which its last bytes tell. Out of the way of other requests.
    #[cold]
    fn settle(&mut self, active: &mut Active, ending: Ending) {
        let side = self.hooks.side;
        let Some(rpc) = self.rpc_mut() else { return };
        let status = rpc.end(ending);
        let unknown = side == Side::Server && rpc.is_unknown();
        if let Some(status) = status.filter(|_| active.recording) {
            active.tell(KeyValue::new(grpc::RPC_RESPONSE_STATUS_CODE, status));
        }
        if unknown && self.hooks.span_name.is_none() {
            active.cx.span().update_name(grpc::SYSTEM);
            active.rename_in_tracing(grpc::SYSTEM);
        }
        if let (Some(status), Ending::Complete) = (status, ending) {
            self.judge(active, Outcome::GrpcStatus(status));
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
                .rpc()
                .map(|rpc| Call { method: rpc.method(self.hooks.side), status: rpc.status() }),
        };
        // What an exemplar points to is the span that is current when something is measured.
        let _current = cx.clone().attach();
        metered.end(ended);
    }

    fn end_view<'a>(&'a self, cx: &'a Context, ending: Ending) -> EndView<'a> {
        let started = self.extras.as_ref().and_then(|extras| extras.started);
        EndView {
            ending,
            status: self.status,
            error_type: self.error_type.as_deref(),
            route: self.learned(cx).and_then(Learned::route).map(AsRef::as_ref),
            duration: started.map_or(Duration::ZERO, |started| started.elapsed()),
            body_bytes: self.body_bytes,
            grpc_status: self.rpc().and_then(Rpc::status),
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
