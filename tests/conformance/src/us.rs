//! This library, judged like everybody.

use http::HeaderMap;
use serde_json::Value;
use throughline::context::{Baggage, TraceState};
use throughline::propagation::Propagator;

use crate::header::Header;
use crate::peer::{Parent, Peer};

/// This library.
#[derive(Clone, Copy, Debug)]
pub struct Throughline;

impl Peer for Throughline {
    fn name(&self) -> String {
        "throughline".to_owned()
    }

    fn claims(&self) -> &[Header] {
        &[Header::TraceParent, Header::TraceState, Header::Baggage, Header::SentryTrace]
    }

    fn hop(&self, settings: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
        let propagator: Propagator = serde_json::from_value(settings.clone()).ok()?;
        let context = propagator.extract(received).context;
        propagator.inject(&context, sent);
        context.parent().map(|parent| Parent {
            trace_id: parent.trace_id().to_string(),
            parent_id: parent.parent_id().to_string(),
            sampled: parent.sampled(),
        })
    }

    fn set_member(&self, list: &str, key: &str, value: &str) -> Option<String> {
        let mut state: TraceState = list.parse().unwrap_or_default();
        // The list stays as it was.
        let _refused = state.set(key, value);
        Some(state.as_str().to_owned())
    }

    fn encode_baggage(&self, members: &[(&str, &str)]) -> Option<String> {
        let mut baggage = Baggage::default();
        for (key, value) in members {
            let _refused = baggage.push(key, value);
        }
        Some(baggage.as_str().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, VECTORS, cases, judge};

    #[test]
    fn this_library_gets_nothing_wrong() {
        for verdict in judge(&Throughline, &cases(VECTORS).unwrap()) {
            assert!(!matches!(verdict.outcome, Outcome::Wrong(_)), "{verdict:?}");
        }
    }
}
