//! What the tests start, and what they wait for: events only, each wait with a bound.

mod bed;
mod browser;
mod database;
mod gate;
mod nats;
mod process;
mod request;
mod socket;
mod stub;
mod target;

pub(crate) use bed::{Bed, Fleet, SECRET, Service, lives, sh, summary};
pub(crate) use browser::Browser;
pub(crate) use database::Database;
pub(crate) use gate::Gate;
pub(crate) use nats::Nats;
pub(crate) use process::{Ended, Process};
pub(crate) use request::{Answer, order, post, post_event};
pub(crate) use socket::Socket;
pub(crate) use stub::Stub;
pub(crate) use target::Target;

use std::time::Duration;

use serde_json::{Value, json};
use throughline_testkit::SpanRecord;

/// Bound of every wait: far above what a loaded machine needs, since reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something, and says what it was if it does not come.
pub(crate) async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// One line of output, as a runner reports it for the command `c`.
pub(crate) fn event(seq: u64, text: &str) -> Value {
    let delta = json!({"type": "text-delta", "toolCallId": "t", "stream": "stdout", "text": text});
    json!({
        "type": "build-stream",
        "seq": seq,
        "projectId": "p",
        "commandId": "c",
        "data": delta.to_string(),
    })
}

/// The acknowledgement of an event of the command `c`.
pub(crate) fn ack(seq: u64) -> Value {
    json!({"type": "ack", "commandId": "c", "seq": seq})
}

/// The only span with this name.
pub(crate) fn only<'a>(spans: &'a [SpanRecord], name: &str) -> &'a SpanRecord {
    let mut found = spans.iter().filter(|span| span.name == name);
    match (found.next(), found.next()) {
        (Some(span), None) => span,
        (None, _) => panic!("no span {name} among {:?}", names(spans)),
        _ => panic!("several spans {name} among {:?}", names(spans)),
    }
}

/// The only child of a span.
pub(crate) fn child<'a>(spans: &'a [SpanRecord], parent: &SpanRecord) -> &'a SpanRecord {
    let is_child = |span: &&SpanRecord| span.parent_span_id.as_ref() == Some(&parent.span_id);
    let found: Vec<_> = spans.iter().filter(is_child).collect();
    assert_eq!(found.len(), 1, "children of {}: {:?}", parent.name, names(spans));
    found[0]
}

pub(crate) fn names(spans: &[SpanRecord]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// How a message names a span as its parent. The flags are `01` in a sampled trace that came from a
/// stranger, and `03` in one that began here, whose id is known to be random.
pub(crate) fn traceparent(span: &SpanRecord, flags: &str) -> String {
    format!("00-{}-{}-{flags}", span.trace_id, span.span_id)
}
