use std::fmt;
use std::sync::Arc;

use ::http::Request;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::ResponseHeader;
use super::span::Describing;
use crate::http::active::Active;
use crate::http::body::content_length;
use crate::http::captured::CapturedHeaders;
use crate::http::exchange::Exchange;
use crate::http::grpc::Rpc;
use crate::http::hooks::Hooks;
use crate::http::metrics::{Labels, Metrics};
use crate::http::observed::Observed;
use crate::http::semconv::{self, KnownMethod};
use crate::http::spans::{Opening, SpanSource};
use crate::http::{RequestView, SpanEnd};
use crate::otel::{CountedHeaders, Refused, begin_with, learned, link_to};
use crate::propagation::{Extraction, Propagator, Trust};

/// What the services of one layer share.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) propagator: Propagator,
    pub(super) spans: Option<Arc<SpanSource>>,
    pub(super) metrics: Option<Arc<Metrics>>,
    pub(super) mirror_trace_state: bool,
    pub(super) filter: Option<Arc<Filter>>,
    pub(super) trust: Option<Arc<Judge>>,
    pub(super) sampling_hint: Option<Arc<Hint>>,
    pub(super) hooks: Arc<Hooks>,
    pub(super) describing: Describing,
    pub(super) response_headers: CapturedHeaders,
    pub(super) tells: Vec<ResponseHeader>,
    pub(super) span_end: SpanEnd,
    pub(super) refused: Refused,
}

pub(super) type Filter = dyn Fn(RequestView<'_>) -> bool + Send + Sync;
pub(super) type Judge = dyn Fn(RequestView<'_>) -> Trust + Send + Sync;
pub(super) type Hint = dyn Fn(RequestView<'_>) -> Vec<KeyValue> + Send + Sync;

impl Config {
    pub(super) fn begin<ReqBody>(&self, request: &mut Request<ReqBody>) -> Exchange {
        if request.extensions().get::<Observed>().is_some() {
            // The outer layer has made everything current, wherever this is polled.
            return Exchange::aside();
        }
        let view = RequestView::from(&*request);
        let mut found = self.propagator.extract(view.headers());
        if let Some(trust) = &self.trust {
            found = trust(view).apply(found);
        }
        if !found.refused.is_empty() {
            self.refused.count(&found.refused);
            request.extensions_mut().insert(CountedHeaders);
        }
        let view = RequestView::from(&*request);
        let passes = || self.filter.as_ref().is_none_or(|passes| passes(view));
        let Some(spans) = self.spans.as_ref().filter(|_| passes()) else {
            // An empty context needs no slot: there is nothing to be read from it.
            let nothing = found.context.is_empty();
            return Exchange::without_span(match nothing {
                true => Context::new(),
                false => begin_with(found.context, false),
            });
        };
        let exchange = self.observe(spans, view, found);
        request.extensions_mut().insert(Observed);
        exchange
    }

    fn observe(&self, spans: &SpanSource, request: RequestView<'_>, found: Extraction) -> Exchange {
        let Extraction { context, link, .. } = found;
        let expect_recording = context.sampled() != Some(false);
        let is_head = context.parent().is_none();
        let parent = begin_with(context, self.mirror_trace_state);
        let method = KnownMethod::of(request.method());
        let rpc = Rpc::of(request);
        let opening = Opening {
            kind: SpanKind::Server,
            plain_name: method.span_name(),
            links: link.iter().map(link_to).collect(),
            hint: self.sampling_hint.as_ref().map(|hint| hint(request)).unwrap_or_default(),
            expect_recording,
        };
        let describes = is_head && self.propagator.describes_traces();
        let hooked = self.hooks.on_end.is_some() || self.hooks.span_name.is_some();
        let wanted = expect_recording || describes || hooked || self.metrics.is_some();
        let route = if wanted { self.describing.route(request) } else { None };
        let opened = spans.open(&parent, opening, || {
            let route = route.clone().or_else(|| self.describing.route(request));
            self.describing.describe(request, route, rpc.as_ref(), &self.hooks)
        });
        self.tell(&opened, route, rpc.as_ref(), describes, request);
        let mut exchange = Exchange::with_span(opened, &self.hooks);
        if let Some(rpc) = rpc {
            exchange.calls(rpc);
        }
        if let Some(metrics) = &self.metrics {
            let scheme = self.describing.low_scheme(request);
            let version = semconv::protocol_version(request.version());
            let labels =
                Labels { method, scheme: Some(scheme), version, server: None, template: None };
            exchange.metered(metrics.begin(labels, content_length(request.headers())));
        }
        exchange.announce(request);
        exchange
    }

    /// Leaves route and name to those who ask for them later.
    fn tell(
        &self,
        opened: &Active,
        route: Option<Arc<str>>,
        rpc: Option<&Rpc>,
        describes: bool,
        request: RequestView<'_>,
    ) {
        if route.is_none() && rpc.is_none() && self.hooks.span_name.is_none() {
            return;
        }
        let Some(learned) = learned(&opened.cx) else { return };
        if describes || rpc.is_some() || self.hooks.span_name.is_some() {
            let name = self.describing.name(request, route.as_deref(), rpc, &self.hooks);
            learned.tell_transaction(Arc::new(name.into_owned()));
        }
        if let Some(route) = route {
            learned.tell_route(route);
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("propagator", &self.propagator)
            .field("spans", &self.spans)
            .field("metrics", &self.metrics)
            .field("filter", &self.filter.is_some())
            .field("hooks", &self.hooks)
            .field("span_end", &self.span_end)
            .finish_non_exhaustive()
    }
}
