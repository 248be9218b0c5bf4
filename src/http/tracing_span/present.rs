use std::borrow::Cow;

use ::http::StatusCode;
use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use tracing::field::{Empty, display};
pub(in crate::http) use tracing::span::Entered;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::http::active::Active;
use crate::http::semconv::{ERROR_TYPE, HTTP_RESPONSE_STATUS_CODE};
use crate::http::spans::{Description, Opening};

/// The span of a request in the subscriber that was there when it began: log lines are in it, and
/// tracing-opentelemetry exports it.
///
/// What is a field here becomes an attribute there, and must not be set a second time. The span lies
/// on the heap, since an exchange moves from the call to the future to the body.
pub(in crate::http) struct TracingSpan(Box<Named>);

struct Named {
    span: Span,
    name: Cow<'static, str>,
}

impl TracingSpan {
    /// Log lines are in the span, and spans below it, until this is dropped.
    pub(in crate::http) fn enter(&self) -> Entered<'_> {
        self.0.span.enter()
    }

    /// Tells subscribers a name that turned out late. Whoever told it has told OpenTelemetry.
    pub(in crate::http) fn rename(&mut self, name: &str) {
        if self.0.name != name {
            self.0.span.record(NAME, name);
            self.0.name = Cow::Owned(name.to_owned());
        }
    }

    /// Records the status, in the only type of numbers that tracing-opentelemetry does not make a
    /// text of.
    pub(in crate::http) fn record_status(&self, status: StatusCode) {
        self.0.span.record(HTTP_RESPONSE_STATUS_CODE, i64::from(status.as_u16()));
    }

    pub(in crate::http) fn record_error_type(&self, error_type: &str) {
        self.0.span.record(ERROR_TYPE, error_type);
    }
}

/// Opens a span below `parent`. Nobody may want it, or only somebody who writes log lines; the parent
/// is then what goes on.
pub(in crate::http) fn open(
    parent: &Context,
    opening: Opening,
    describe: impl FnOnce() -> Description,
) -> Active {
    let span = info_span!(
        target: TARGET,
        "HTTP request",
        otel.name = Empty,
        otel.kind = kind(&opening.kind),
        trace_id = Empty,
        span_id = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
    );
    if span.is_disabled() {
        return Active::without_span(passed_on(parent));
    }
    let Description { name, attributes } = describe();
    span.record(NAME, &*name);
    let started = start(&span, parent, opening, attributes);
    record_ids(&span, parent, started.as_ref());
    let cx = started.unwrap_or_else(|| passed_on(parent));
    let tracing = Some(TracingSpan(Box::new(Named { span, name })));
    Active::with_span(cx.into(), tracing)
}

/// The context of the span that OpenTelemetry has for this one, if a layer of tracing-opentelemetry
/// takes it. Samplers look at attributes, so they have to be there before it starts.
fn start(
    span: &Span,
    parent: &Context,
    opening: Opening,
    attributes: Vec<KeyValue>,
) -> Option<Context> {
    if opening.kind == SpanKind::Server {
        // Even an empty one: what came in is no part of what goes on around the server. It fails if
        // there is no such layer, which shows below. A client's parent is found by the layer itself.
        let _ = span.set_parent(parent.clone());
    }
    for link in opening.links {
        span.add_link_with_attributes(link.span_context, link.attributes);
    }
    for attribute in attributes.into_iter().chain(opening.hint) {
        span.set_attribute(attribute.key, attribute.value);
    }
    let cx = span.context();
    cx.span().span_context().is_valid().then_some(cx)
}

/// What log lines are found by. The parent's trace is there without OpenTelemetry too; its span is not
/// this one.
fn record_ids(span: &Span, parent: &Context, started: Option<&Context>) {
    let active = started.unwrap_or(parent).span();
    let ids = active.span_context();
    if ids.is_valid() {
        span.record("trace_id", display(ids.trace_id()));
    }
    if started.is_some() {
        span.record("span_id", display(ids.span_id()));
    }
}

/// The same context with nothing in it to be written to or ended: a client's parent is the span of
/// somebody else.
fn passed_on(parent: &Context) -> Context {
    let span = parent.span().span_context().clone();
    if span.is_valid() && !span.is_remote() {
        parent.with_remote_span_context(span)
    } else {
        parent.clone()
    }
}

fn kind(kind: &SpanKind) -> &'static str {
    if *kind == SpanKind::Server { "server" } else { "client" }
}

/// What filters of subscribers know the spans by.
const TARGET: &str = "throughline::http";

const NAME: &str = "otel.name";
