use std::fmt;
use std::sync::Arc;

use ::http::{HeaderMap, Request};
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt};

use super::NoPropagate;
use super::span::Describing;
use crate::http::captured::CapturedHeaders;
use crate::http::exchange::Exchange;
use crate::http::grpc::Rpc;
use crate::http::hooks::Hooks;
use crate::http::metrics::Metrics;
use crate::http::observed::Observed;
use crate::http::semconv::{self, KnownMethod};
use crate::http::spans::{Opening, SpanSource};
use crate::http::{Ending, Outcome, RequestView, ResponseView, SpanEnd};
use crate::otel::to_next_hop;
use crate::propagation::{Field, Propagator, Targets};

/// What the services of one layer share.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) propagator: Propagator,
    pub(super) targets: Targets,
    pub(super) spans: Option<Arc<SpanSource>>,
    pub(super) metrics: Option<Arc<Metrics>>,
    /// By default the headers, which tell how a request went, except for one of gRPC.
    pub(super) span_end: Option<SpanEnd>,
    pub(super) filter: Option<Arc<Filter>>,
    pub(super) describing: Describing,
    pub(super) response_headers: CapturedHeaders,
    pub(super) hooks: Arc<Hooks>,
}

type Filter = dyn Fn(RequestView<'_>) -> bool + Send + Sync;

impl Config {
    /// Opens the span of a request, and writes its headers.
    pub(super) fn begin<ReqBody>(&self, request: &mut Request<ReqBody>) -> Exchange {
        request.extensions_mut().remove::<Observed>();
        let cx = Context::current();
        if cx.is_telemetry_suppressed() {
            return Exchange::without_span(cx);
        }
        let Some(spans) = &self.spans else {
            self.inject(&cx, request);
            return Exchange::without_span(cx);
        };
        let cx = spans.ambient().unwrap_or(cx);
        let view = RequestView::from(&*request);
        let exchange = match self.filter.as_ref().is_none_or(|passes| passes(view)) {
            true => self.observe(spans, &cx, view),
            false => Exchange::without_span(cx),
        };
        self.inject(exchange.cx(), request);
        exchange
    }

    fn observe(&self, spans: &SpanSource, cx: &Context, request: RequestView<'_>) -> Exchange {
        let rpc = Rpc::of(request);
        let opened = spans.open(cx, opening(cx, request), || {
            self.describing.describe(request, rpc.as_ref(), &self.hooks)
        });
        let mut exchange = Exchange::with_span(opened, &self.hooks);
        if let Some(rpc) = rpc {
            exchange.calls(rpc);
        }
        if let Some(metrics) = &self.metrics {
            exchange.metered(metrics.begin(self.describing.labels(request), None));
        }
        exchange.announce(request);
        exchange
    }

    /// Runs the inner client's code for an exchange that has just begun.
    pub(super) fn call<T>(&self, exchange: &mut Exchange, work: impl FnOnce() -> T) -> T {
        match self.spans {
            // What is to be current is so already: 110 instructions saved.
            None => work(),
            Some(_) => exchange.run(work),
        }
    }

    pub(super) fn waits_for_body(&self, exchange: &Exchange) -> bool {
        match self.span_end {
            Some(end) => end == SpanEnd::BodyEnd,
            None => exchange.is_rpc(),
        }
    }

    /// Notes what came back. A failure is the end, and so are the headers unless the body is waited for.
    pub(super) fn note<R, E>(&self, exchange: &mut Exchange, result: &Result<R, E>)
    where
        for<'a> ResponseView<'a>: From<&'a R>,
    {
        match result {
            Ok(response) => {
                exchange.answer(ResponseView::from(response), &self.response_headers);
                if !self.waits_for_body(exchange) {
                    exchange.finish_at_headers();
                }
            }
            Err(_) => {
                let error_type = semconv::error_type::<E>();
                exchange.end_with(Ending::Failed, Outcome::ServiceError(error_type));
            }
        }
    }

    fn inject<ReqBody>(&self, cx: &Context, request: &mut Request<ReqBody>) {
        let allowed = self.targets.allow_uri(request.uri())
            && request.extensions().get::<NoPropagate>().is_none();
        if allowed {
            self.propagator.inject(&to_next_hop(cx), request.headers_mut());
        } else {
            remove_all(request.headers_mut());
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("propagator", &self.propagator)
            .field("targets", &self.targets)
            .field("spans", &self.spans)
            .field("metrics", &self.metrics)
            .field("span_end", &self.span_end)
            .field("filter", &self.filter.is_some())
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

/// Removes what was there before too, in formats that are not written as well: a caller may have copied
/// it from a request that came in.
#[cold]
fn remove_all(headers: &mut HeaderMap) {
    for field in Field::ALL {
        headers.remove(field.header_name());
    }
}

fn opening(cx: &Context, request: RequestView<'_>) -> Opening {
    let span = cx.span();
    let parent = span.span_context();
    Opening {
        kind: SpanKind::Client,
        plain_name: KnownMethod::of(request.method()).span_name(),
        links: Vec::new(),
        hint: Vec::new(),
        expect_recording: !parent.is_valid() || parent.is_sampled(),
    }
}
