use std::fmt;
use std::sync::{Arc, OnceLock};

use ::http::Request;
use opentelemetry::metrics::{Counter, Meter};
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue, global};

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
use crate::http::spans::{Opening, SpanSource, scope};
use crate::http::{RequestView, SpanEnd};
use crate::otel::{begin_with, learned, link_to};
use crate::propagation::{Extraction, ParseError, Propagator, Trust};

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
    /// Made when something is refused for the first time, which for most layers is never.
    pub(super) refused: OnceLock<Counter<u64>>,
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
        self.count(&found.refused);
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
            link: link.as_ref().map(link_to),
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

    fn count(&self, refused: &[ParseError]) {
        if refused.is_empty() {
            return;
        }
        let counter =
            self.refused.get_or_init(|| refused_counter(&global::meter_with_scope(scope())));
        for error in refused {
            counter.add(
                1,
                &[
                    KeyValue::new("format", error.field().as_str()),
                    KeyValue::new("rule", error.rule().id()),
                ],
            );
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

pub(super) fn refused_counter(meter: &Meter) -> Counter<u64> {
    meter
        .u64_counter("throughline.propagation.refused")
        .with_description("Received trace fields, or members of them, that broke their format")
        .with_unit("{field}")
        .build()
}
