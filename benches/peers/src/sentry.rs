//! Sentry's SDK, with tracing switched off as it is by default: decisions are passed on, not made.

use std::sync::Arc;

use conformance::{Header, Parent, Peer, version_in};
use http::{HeaderMap, HeaderValue};
use sentry_core::{Client, ClientOptions, Hub, TransactionContext};
use serde_json::Value;

pub(crate) struct Sentry;

impl Peer for Sentry {
    fn name(&self) -> String {
        format!("Sentry {}", version_in(crate::LOCK, "sentry-core"))
    }

    fn claims(&self) -> &[Header] {
        &[Header::SentryTrace]
    }

    fn opens_span(&self) -> bool {
        true
    }

    fn hop(&self, settings: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
        let lines = received.iter();
        let lines = lines.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let context = TransactionContext::continue_from_headers("name", "op", lines);
        let sampled = context.sampled();
        let transaction = hub(settings).start_transaction(context);
        for (name, value) in transaction.iter_headers() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                sent.insert(name, value);
            }
        }
        let trace = transaction.get_trace_context();
        trace.parent_span_id.map(|parent| Parent {
            trace_id: trace.trace_id.to_string(),
            parent_id: parent.to_string(),
            sampled,
        })
    }
}

fn hub(settings: &Value) -> Hub {
    let sentry = &settings["sentry"];
    let strict = sentry["strict_continuation"] == true;
    let mut options = ClientOptions::new().strict_trace_continuation(strict);
    options.org_id = sentry["org_id"].as_str().and_then(|id| id.parse().ok());
    Hub::new(Some(Arc::new(Client::with_options(options))), Arc::default())
}
