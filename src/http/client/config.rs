use std::sync::Arc;

use ::http::Request;
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::hooks::Hooks;
use super::shown::Shown;
use super::span::describe;
use super::{NoPropagate, SpanEnd};
use crate::context::TraceContext;
use crate::http::exchange::Exchange;
use crate::http::semconv::{self, KnownMethod};
use crate::http::spans::{Opening, Spans};
use crate::http::{Outcome, RequestView, ResponseView};
use crate::otel::ContextExt;
use crate::propagation::{Propagator, Targets};

/// What the services of one layer share.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) propagator: Propagator,
    pub(super) targets: Targets,
    pub(super) spans: Option<Arc<Spans>>,
    pub(super) span_end: SpanEnd,
    pub(super) hooks: Hooks,
    pub(super) shown: Shown,
}

impl Config {
    /// Opens the span of a request, and writes its headers.
    pub(super) fn begin<ReqBody>(&self, request: &mut Request<ReqBody>) -> Exchange {
        let cx = Context::current();
        if cx.is_telemetry_suppressed() {
            return Exchange::without_span(cx);
        }
        let view = RequestView::from(&*request);
        let Some(spans) = self.spans.as_ref().filter(|_| self.hooks.wants_span(view)) else {
            self.inject(&cx, request);
            return Exchange::without_span(cx);
        };
        let opened = spans.open(&cx, opening(&cx, view), || {
            describe(view, self.hooks.span_name.as_deref(), &self.shown)
        });
        if let Some(hook) = self.hooks.on_request.as_ref().filter(|_| opened.recording) {
            hook(view, &opened.cx.span());
        }
        self.inject(&opened.cx, request);
        Exchange::with_span(opened)
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
                span.set_attributes(self.shown.response_headers.attributes(response.headers()));
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
