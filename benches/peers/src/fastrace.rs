//! fastrace's type for both headers of Trace Context.

use conformance::{Header, Parent, Peer, version_in};
use fastrace::collector::W3CTraceContext;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

pub(crate) struct Fastrace;

impl Peer for Fastrace {
    fn name(&self) -> String {
        format!("fastrace {}", version_in(crate::LOCK, "fastrace"))
    }

    fn claims(&self) -> &[Header] {
        &[Header::TraceParent, Header::TraceState]
    }

    fn hop(&self, _: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent> {
        let lines = received.iter();
        let lines = lines.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let context = W3CTraceContext::decode_headers(lines)?;
        for (name, value) in context.encode_headers() {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
                sent.insert(name, value);
            }
        }
        let parent = context.span_context;
        Some(Parent {
            trace_id: parent.trace_id.to_string(),
            parent_id: parent.span_id.to_string(),
            sampled: Some(parent.sampled),
        })
    }
}
