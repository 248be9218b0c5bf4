//! A propagator of OpenTelemetry as a service of one hop, of whichever version `opentelemetry` is.

use conformance::Parent;
use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};

/// Extracts and injects without a span between: what came in goes out.
pub(crate) fn hop(
    propagator: &dyn TextMapPropagator,
    received: &HeaderMap,
    sent: &mut HeaderMap,
) -> Option<Parent> {
    let context = propagator.extract_with_context(&Context::new(), &HeaderExtractor(received));
    propagator.inject_context(&context, &mut HeaderInjector(sent));
    let span = context.span();
    let parent = span.span_context();
    parent.is_valid().then(|| Parent {
        trace_id: parent.trace_id().to_string(),
        parent_id: parent.span_id().to_string(),
        sampled: Some(parent.is_sampled()),
    })
}
