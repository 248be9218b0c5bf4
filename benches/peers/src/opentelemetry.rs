//! OpenTelemetry's propagators for the W3C's headers.

use std::str::FromStr as _;

use conformance::{Header, Parent, Peer, version_in};
use http::HeaderMap;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TraceState;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use serde_json::Value;

use crate::text_map;

pub(crate) struct OpenTelemetry(TextMapCompositePropagator);

impl Default for OpenTelemetry {
    fn default() -> Self {
        Self(TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]))
    }
}

impl Peer for OpenTelemetry {
    fn name(&self) -> String {
        format!("OpenTelemetry {}", version_in(crate::LOCK, "opentelemetry_sdk"))
    }

    fn claims(&self) -> &[Header] {
        &[Header::TraceParent, Header::TraceState, Header::Baggage]
    }

    fn hop(&self, _: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
        text_map::hop(&self.0, received, sent)
    }

    fn set_member(&self, list: &str, key: &str, value: &str) -> Option<String> {
        let state = TraceState::from_str(list).unwrap_or_default();
        Some(state.insert(key, value).unwrap_or(state).header())
    }

    fn encode_baggage(&self, members: &[(&str, &str)]) -> Option<String> {
        Some(text_map::encode_baggage(&self.0, members))
    }
}
