//! A propagator of OpenTelemetry as a service of one hop, of whichever version `opentelemetry` is.

use conformance::Parent;
use http::HeaderMap;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
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

/// The `baggage` that is sent of these keys and values.
pub(crate) fn encode_baggage(
    propagator: &dyn TextMapPropagator,
    members: &[(&str, &str)],
) -> String {
    let members =
        members.iter().map(|(key, value)| KeyValue::new(key.to_string(), value.to_string()));
    let context = Context::new().with_baggage(members.collect::<Vec<_>>());
    let mut sent = HeaderMap::new();
    propagator.inject_context(&context, &mut HeaderInjector(&mut sent));
    let sent = sent.get("baggage").and_then(|value| value.to_str().ok());
    sent.unwrap_or_default().to_owned()
}
