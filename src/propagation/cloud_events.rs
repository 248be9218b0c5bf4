use std::borrow::{Borrow, BorrowMut};

use http::{HeaderMap, HeaderName};
#[cfg(feature = "json")]
use serde_json::{Map, Value};

#[cfg(feature = "json")]
use super::json::raw_value;
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
        for (field, name) in HEADERS {
            for value in self.0.borrow().get_all(name) {
                received.offer_field(field, value);
            }
        }
    }
}

impl<H: BorrowMut<HeaderMap>> Injector for CloudEventHeaders<H> {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        if let Some((_, name)) = HEADERS.iter().find(|(known, _)| *known == field) {
            let name = HeaderName::from_static(name);
            self.0.borrow_mut().insert(name, value.to_header_value());
        }
    }

    fn remove(&mut self, field: Field) {
        if let Some((_, name)) = HEADERS.iter().find(|(known, _)| *known == field) {
            self.0.borrow_mut().remove(*name);
        }
    }
}

/// The attributes of a CloudEvent in JSON, of the structured content mode or of a batch:
/// `traceparent` and `tracestate`. It has no others, as in [`CloudEventHeaders`], and they too say
/// where the event comes from (rule MS-5).
///
/// Attributes have no upper-case letters. One that is `null` is
/// [unset](https://github.com/cloudevents/spec/blob/main/cloudevents/formats/json-format.md#21-type-system-mapping);
/// any other that is not a text is refused by the rule of its format.
///
/// ```
/// use serde_json::json;
/// use throughline::propagation::{CloudEventAttributes, Propagator};
///
/// let event = json!({
///     "specversion": "1.0", "id": "7", "source": "/shop", "type": "shop.order",
///     "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
/// });
/// let attributes = event.as_object().unwrap();
/// let origin = Propagator::default().extract(&CloudEventAttributes(attributes)).context;
/// assert_eq!(origin.sampled(), Some(true));
/// ```
#[cfg(feature = "json")]
#[derive(Clone, Copy, Debug)]
pub struct CloudEventAttributes<M>(pub M);

#[cfg(feature = "json")]
impl<M: Borrow<Map<String, Value>>> Extractor for CloudEventAttributes<M> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for field in ATTRIBUTES {
            if let Some(value) = self.0.borrow().get(field.as_str()).and_then(raw_value) {
                received.offer_field(field, value);
            }
        }
    }
}

#[cfg(feature = "json")]
impl<M: BorrowMut<Map<String, Value>>> Injector for CloudEventAttributes<M> {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        if ATTRIBUTES.contains(&field) {
            self.0.borrow_mut().insert(field.as_str().to_owned(), value.as_str().into());
        }
    }

    fn remove(&mut self, field: Field) {
        if ATTRIBUTES.contains(&field) {
            // The map's own `remove` moves the last member to the gap where the order is preserved.
            self.0.borrow_mut().retain(|name, _| name != field.as_str());
        }
    }
}

#[cfg(feature = "json")]
const ATTRIBUTES: [Field; 2] = [Field::TraceParent, Field::TraceState];

const HEADERS: [(Field, &str); 2] =
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

    #[cfg(feature = "json")]
    mod in_json {
        use serde_json::json;

        use super::*;

        const ORIGIN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

        fn event(extensions: Value) -> Map<String, Value> {
            let mut event =
                json!({"specversion": "1.0", "id": "7", "source": "/", "type": "order"});
            let event = event.as_object_mut().unwrap();
            event.append(&mut extensions.as_object().unwrap().clone());
            std::mem::take(event)
        }

        fn rules(event: &Map<String, Value>) -> Vec<&'static str> {
            let found = Propagator::default().extract(&CloudEventAttributes(event));
            assert!(found.context.is_empty());
            found.refused.iter().map(|error| error.rule().id()).collect()
        }

        #[test]
        fn ms_5_an_event_carries_its_origin_in_two_attributes_and_no_other() {
            let received = event(json!({
                "traceparent": ORIGIN, "tracestate": "a=1",
                "baggage": "tenant=7", "sentry-trace": "no attribute", "Traceparent": "none either",
            }));
            let propagator = Propagator::default();
            let found = propagator.extract(&CloudEventAttributes(&received));
            assert_eq!(found.context.parent().unwrap().to_string(), ORIGIN);
            assert_eq!(found.context.trace_state().as_str(), "a=1");
            assert!(found.context.baggage().is_empty());
            assert!(found.refused.is_empty());

            let mut sent = event(json!({"traceparent": "stale", "data": {"traceparent": "inner"}}));
            let plain = event(json!({"data": {"traceparent": "inner"}}));
            propagator.inject(&found.context, &mut CloudEventAttributes(&mut sent));
            assert_eq!(sent.len(), plain.len() + 2);
            assert_eq!(
                (&sent["traceparent"], &sent["tracestate"]),
                (&json!(ORIGIN), &json!("a=1"))
            );
            propagator.inject(&Default::default(), &mut CloudEventAttributes(&mut sent));
            assert_eq!(sent, plain);
        }

        #[test]
        fn ms_3_without_context_an_event_stays_as_it_is() {
            let before = event(json!({"baggage": "tenant=7", "data": [1, null]}));
            let mut after = before.clone();
            Propagator::default()
                .inject(&Default::default(), &mut CloudEventAttributes(&mut after));
            assert_eq!(after, before);
        }

        #[test]
        fn ms_4_an_attribute_that_is_no_text_is_refused_and_null_is_unset() {
            for odd in [json!(7), json!(""), json!([ORIGIN]), json!("é".repeat(5000))] {
                let event = event(json!({"traceparent": odd, "tracestate": "a=1"}));
                assert_eq!(rules(&event), ["TP-3", "TS-1"], "{odd}");
            }
            assert_eq!(rules(&event(json!({"traceparent": null, "tracestate": null}))), [""; 0]);
        }
    }
}
