//! Spans and metrics of messages, whatever carries them.

use throughline::messaging::Messaging;
use throughline::propagation::{Extraction, Propagator};
use throughline_testkit::InMemorySpans;

mod batch;
pub(super) mod measured;
mod metrics;
mod processing;
mod sending;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// Orders on a queue, with spans only.
fn orders(spans: &InMemorySpans) -> Messaging {
    Messaging::new("kafka").destination("orders").tracer_provider(spans.provider()).metrics(false)
}

/// `name -> linked name`, for each link to a span that is there.
pub(super) fn links(spans: &InMemorySpans) -> Vec<String> {
    let all = spans.finished();
    let name = |id: &str| all.iter().find(|span| span.span_id == id).map(|span| &span.name);
    all.iter()
        .flat_map(|span| span.links.iter().map(move |link| (span, name(&link.span_id))))
        .filter_map(|(span, linked)| Some(format!("{} -> {}", span.name, linked?)))
        .collect()
}

/// The context of a message with these headers.
fn headers(headers: &[(&str, &str)]) -> Extraction {
    Propagator::default().extract(headers)
}
