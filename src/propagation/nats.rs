//! Headers of NATS messages.

use async_nats::{HeaderMap, HeaderName};

use super::{Extractor, Field, FieldValue, Injector, Received};

/// NATS keeps the case of header names and clients differ in it, so names are compared without case.
///
/// ```
/// use throughline::context::TraceContext;
/// use throughline::propagation::Propagator;
///
/// let mut headers = async_nats::HeaderMap::new();
/// Propagator::default().inject(&TraceContext::current(), &mut headers);
/// ```
impl Extractor for HeaderMap {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (name, values) in self.iter() {
            for value in values {
                received.offer(AsRef::<[u8]>::as_ref(name), value.as_str());
            }
        }
    }
}

impl Injector for HeaderMap {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.remove(field);
        self.insert(field.as_str(), value.as_str());
    }

    fn remove(&mut self, field: Field) {
        let is_field = |name: &HeaderName| Field::from_name(name.as_ref()) == Some(field);
        if self.iter().any(|(name, _)| is_field(name)) {
            // The map has no way to take an entry out.
            let mut others = Self::new();
            for (name, values) in self.iter().filter(|(name, _)| !is_field(name)) {
                for value in values {
                    others.append(name.clone(), value.clone());
                }
            }
            *self = others;
        }
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        self.extract_into(received);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::Propagator;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn names_are_found_in_any_case_and_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert("Traceparent", PARENT);
        headers.append("Tracestate", "a=1");
        headers.append("Tracestate", "b=2");
        headers.append("other", "1");
        headers.append("other", "2");
        let propagator = Propagator::default();
        let context = propagator.extract(&headers).context;
        assert_eq!(context.parent().unwrap().to_string(), PARENT);
        assert_eq!(context.trace_state().as_str(), "a=1,b=2");

        propagator.inject(&context, &mut headers);
        assert_eq!(headers.get("traceparent").unwrap().as_str(), PARENT);
        assert_eq!(headers.get_all("tracestate").count(), 1);
        assert!(headers.get("Traceparent").is_none() && headers.get("Tracestate").is_none());
        assert_eq!(headers.get_all("other").count(), 2);
    }

    #[test]
    fn two_parents_in_different_case_are_two_parents() {
        let mut headers = HeaderMap::new();
        headers.insert("Traceparent", PARENT);
        headers.insert("traceparent", PARENT);
        assert!(Propagator::default().extract(&headers).context.is_empty());
    }
}
