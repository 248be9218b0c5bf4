use std::fmt;
use std::sync::Arc;

use ::http::Request;
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::hooks::Hooks;
use super::span::Describing;
use super::{NoPropagate, SpanEnd};
use crate::context::TraceContext;
use crate::http::captured::CapturedHeaders;
use crate::http::exchange::Exchange;
use crate::http::semconv::{self, KnownMethod};
use crate::http::spans::{Opening, Spans};
use crate::http::{Outcome, RequestView, ResponseView};
use crate::otel::ContextExt;
use crate::propagation::{Propagator, Targets};

/// What the services of one layer share.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) propagator: Propagator,
    pub(super) targets: Targets,
    pub(super) spans: Option<Arc<Spans>>,
    pub(super) span_end: SpanEnd,
    pub(super) filter: Option<Arc<Filter>>,
    pub(super) describing: Describing,
    pub(super) response_headers: CapturedHeaders,
    pub(super) hooks: Hooks,
}

type Filter = dyn Fn(RequestView<'_>) -> bool + Send + Sync;

impl Config {
    /// Opens the span of a request, and writes its headers.
    pub(super) fn begin<ReqBody>(&self, request: &mut Request<ReqBody>) -> Exchange {
        let cx = Context::current();
        if cx.is_telemetry_suppressed() {
            return Exchange::without_span(cx);
        }
        let view = RequestView::from(&*request);
        let spans = self.spans.as_ref().filter(|_| self.filter.as_ref().is_none_or(|f| f(view)));
        let Some(spans) = spans else {
            self.inject(&cx, request);
            return Exchange::without_span(cx);
        };
        let opened = spans.open(&cx, opening(&cx, view), || self.describing.describe(view));
        if let Some(hook) = self.hooks.on_request.as_ref().filter(|_| opened.recording) {
            hook(view, &opened.cx.span());
        }
        self.inject(&opened.cx, request);
        Exchange::with_span(opened)
    }

    /// Runs the inner client's code for an exchange that has just begun.
    pub(super) fn call<T>(&self, exchange: &mut Exchange, work: impl FnOnce() -> T) -> T {
        match self.spans {
            // What is to be current is so already: 200 instructions saved.
            None => work(),
            Some(_) => exchange.run(work),
        }
    }

    /// Notes what came back. A failure is the end, and so are the headers unless the body is waited for.
    pub(super) fn note<R, E>(&self, exchange: &mut Exchange, result: &Result<R, E>)
    where
        for<'a> ResponseView<'a>: From<&'a R>,
    {
        let outcome = match result {
            Ok(response) => Outcome::Response(ResponseView::from(response)),
            Err(_) => Outcome::ServiceError(semconv::error_type::<E>()),
        };
        if let Outcome::Response(response) = outcome {
            exchange.respond(response.status(), false);
        }
        if let Some(span) = exchange.span() {
            if let Outcome::Response(response) = outcome {
                span.set_attributes(self.response_headers.of(response.headers()));
                if let Some(hook) = &self.hooks.on_response {
                    hook(response, &span);
                }
            }
            if let Some(error_type) = self.hooks.error_type(outcome) {
                exchange.fail(error_type);
            }
        }
        if result.is_err() || self.span_end == SpanEnd::Headers {
            exchange.end(None);
        }
    }

    fn inject<ReqBody>(&self, cx: &Context, request: &mut Request<ReqBody>) {
        let allowed = self.targets.allow_uri(request.uri())
            && request.extensions().get::<NoPropagate>().is_none();
        let context = if allowed { cx.trace_context() } else { TraceContext::new() };
        self.propagator.inject(&context, request.headers_mut());
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("propagator", &self.propagator)
            .field("targets", &self.targets)
            .field("spans", &self.spans)
            .field("span_end", &self.span_end)
            .field("filter", &self.filter.is_some())
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

fn opening(cx: &Context, request: RequestView<'_>) -> Opening {
    let span = cx.span();
    let parent = span.span_context();
    Opening {
        kind: SpanKind::Client,
        plain_name: KnownMethod::of(request.method()).span_name(),
        link: None,
        expect_recording: !parent.is_valid() || parent.is_sampled(),
    }
}
