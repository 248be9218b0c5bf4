use std::borrow::{Borrow, BorrowMut};

use http::{HeaderMap, HeaderName};

use super::{Extractor, Field, FieldValue, Injector, Received};

/// The attributes of a CloudEvent whose HTTP message has the binary content mode:
/// `ce-traceparent` and `ce-tracestate`, as the
/// [distributed tracing extension](https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md)
/// names them. It has no others.
///
/// An event's attributes say where the event comes from, and the headers beside them which hop brings
/// it (rule MS-5): whoever makes an event writes both, whoever forwards it writes only the headers.
///
/// ```
/// use http::HeaderMap;
/// use throughline::context::TraceContext;
/// use throughline::propagation::{CloudEventHeaders, Propagator};
///
/// let mut headers = HeaderMap::new();
/// Propagator::default().inject(&TraceContext::current(), &mut CloudEventHeaders(&mut headers));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CloudEventHeaders<H>(pub H);

impl<H: Borrow<HeaderMap>> Extractor for CloudEventHeaders<H> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (field, name) in ATTRIBUTES {
            for value in self.0.borrow().get_all(name) {
                received.offer_field(field, value);
            }
        }
    }
}

impl<H: BorrowMut<HeaderMap>> Injector for CloudEventHeaders<H> {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        if let Some((_, name)) = ATTRIBUTES.iter().find(|(known, _)| *known == field) {
            let name = HeaderName::from_static(name);
            self.0.borrow_mut().insert(name, value.to_header_value());
        }
    }

    fn remove(&mut self, field: Field) {
        if let Some((_, name)) = ATTRIBUTES.iter().find(|(known, _)| *known == field) {
            self.0.borrow_mut().remove(*name);
        }
    }
}

const ATTRIBUTES: [(Field, &str); 2] =
    [(Field::TraceParent, "ce-traceparent"), (Field::TraceState, "ce-tracestate")];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::Propagator;

    #[test]
    fn ms_5_attributes_and_headers_are_two_carriers() {
        let origin = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let hop = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
        let mut headers = HeaderMap::new();
        headers.insert("ce-traceparent", origin.parse().unwrap());
        headers.insert("ce-tracestate", "a=1".parse().unwrap());
        headers.insert("traceparent", hop.parse().unwrap());
        let propagator = Propagator::default();
        let event = propagator.extract(&CloudEventHeaders(&headers)).context;
        assert_eq!(event.parent().unwrap().to_string(), origin);
        assert_eq!(event.trace_state().as_str(), "a=1");
        assert_eq!(propagator.extract(&headers).context.parent().unwrap().to_string(), hop);

        let mut out = HeaderMap::new();
        propagator.inject(&event, &mut CloudEventHeaders(&mut out));
        assert_eq!(out.len(), 2);
        assert_eq!(out["ce-traceparent"], origin);
        propagator.inject(&Default::default(), &mut CloudEventHeaders(&mut out));
        assert!(out.is_empty());
    }
}
