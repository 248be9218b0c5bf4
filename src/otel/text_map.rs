use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use super::ContextExt;
use crate::propagation::{self, Field, FieldValue, Propagator, Received};

/// This crate's formats for code that uses OpenTelemetry's propagators: one line swaps them.
///
/// ```
/// use throughline::otel::TextMap;
/// use throughline::propagation::Propagator;
///
/// opentelemetry::global::set_text_map_propagator(TextMap::new(Propagator::default()));
/// ```
///
/// OpenTelemetry's carriers cannot remove a field, so stale ones stay where there is nothing to send,
/// and baggage that stands in the carrier is replaced.
#[derive(Clone, Debug)]
pub struct TextMap {
    propagator: Propagator,
    fields: Vec<String>,
}

impl TextMap {
    /// Reads and writes what the propagator does.
    #[must_use]
    pub fn new(propagator: Propagator) -> Self {
        let fields = propagator.fields().map(|field| field.as_str().to_owned()).collect();
        Self { propagator, fields }
    }
}

impl Default for TextMap {
    fn default() -> Self {
        Self::new(Propagator::default())
    }
}

impl TextMapPropagator for TextMap {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.propagator.inject(&cx.trace_context(), &mut Out(injector));
    }

    /// A carrier without a trace leaves the context as it is, as OpenTelemetry wants it.
    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let found = self.propagator.extract(&In(extractor)).context;
        if found.is_empty() { cx.clone() } else { cx.with_trace_context(found) }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

struct In<'c>(&'c dyn Extractor);

impl propagation::Extractor for In<'_> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for field in received.wanted() {
            for value in self.0.get_all(field.as_str()).into_iter().flatten() {
                received.offer_field(field, value);
            }
        }
    }
}

struct Out<'c>(&'c mut dyn Injector);

impl propagation::Injector for Out<'_> {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.0.set(field.as_str(), value.as_str().to_owned());
    }

    fn remove(&mut self, _: Field) {}
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::context::TraceContext;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn carrier() -> HashMap<String, String> {
        HashMap::from([("traceparent".to_owned(), PARENT.to_owned())])
    }

    #[test]
    fn a_trace_goes_in_and_out_in_every_format() {
        let text_map = TextMap::default();
        let cx = text_map.extract_with_context(&Context::new(), &carrier());
        let mut out = HashMap::new();
        text_map.inject_context(&cx, &mut out);
        assert_eq!(out["traceparent"], PARENT);
        assert!(out.contains_key("sentry-trace"));
        assert!(text_map.fields().any(|field| field == "baggage"));
    }

    #[test]
    fn a_carrier_without_trace_leaves_the_context_as_it_is() {
        let text_map = TextMap::default();
        let cx = text_map.extract_with_context(&Context::new(), &carrier());
        let same = text_map.extract_with_context(&cx, &HashMap::new());
        assert_eq!(same.trace_context(), cx.trace_context());
        let none = text_map.extract_with_context(&Context::new(), &HashMap::new());
        assert_eq!(none.trace_context(), TraceContext::new());
    }
}
