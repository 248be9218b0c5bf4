//! Puts the cases of the vectors to Datadog's propagator, and prints the verdicts as JSON.

use conformance::{Header, Parent, Peer, VECTORS, cases, judge, version_in};
use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use serde_json::Value;

#[expect(dead_code, reason = "`trace_context` is for the benches")]
mod propagator;
#[path = "../../src/text_map.rs"]
mod text_map;

/// The versions that were resolved.
const LOCK: &str = include_str!("../Cargo.lock");

struct Datadog(Box<dyn TextMapPropagator + Send + Sync>);

impl Peer for Datadog {
    fn name(&self) -> String {
        format!("Datadog {}", version_in(LOCK, "datadog-opentelemetry"))
    }

    fn claims(&self) -> &[Header] {
        &[Header::TraceParent, Header::TraceState, Header::Baggage]
    }

    fn hop(&self, _: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
        text_map::hop(&*self.0, received, sent)
    }

    fn encode_baggage(&self, members: &[(&str, &str)]) -> Option<String> {
        Some(text_map::encode_baggage(&*self.0, members))
    }

    fn own_member(&self) -> Option<&str> {
        Some("dd")
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let peer = Datadog(propagator::all_three());
    println!("{}", serde_json::to_string(&judge(&peer, &cases(VECTORS)?))?);
    Ok(())
}
