//! Spans that a check expects to end, each once.

use std::collections::HashSet;

use super::report::Found;
use crate::InMemorySpans;
use crate::memory::SpanKey;

/// One collection, and what was open in it before the check began.
#[derive(Debug)]
pub(crate) struct Expected {
    spans: InMemorySpans,
    open_before: HashSet<SpanKey>,
}

impl Expected {
    pub(crate) fn all_of(spans: &InMemorySpans) -> Self {
        let open = spans.open_spans();
        open.track();
        let open_before = open.list().into_iter().map(|(key, _)| key).collect();
        Self { spans: spans.clone(), open_before }
    }

    pub(crate) fn check(&self, found: &Found) {
        let open = self.spans.open_spans().list();
        for (key, span) in open.iter().filter(|(key, _)| !self.open_before.contains(key)) {
            found.push(format_args!("span {} ({}) has not ended", span, key.span_id));
        }
        let mut seen = HashSet::new();
        for span in self.spans.finished() {
            if !seen.insert((span.trace_id.clone(), span.span_id.clone())) {
                let (service, name, id) = (&span.service, &span.name, &span.span_id);
                found.push(format_args!("span {name:?} of {service:?} ({id}) is recorded twice"));
            }
        }
    }
}
