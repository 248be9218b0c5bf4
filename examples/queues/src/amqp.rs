//! Headers of AMQP 0.9.1 messages, for lapin.

use std::borrow::{Borrow, BorrowMut};
use std::collections::BTreeMap;
use std::mem;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use throughline::propagation::{Extractor, Field, FieldValue, Injector, Received};

/// The headers among a message's properties as a carrier: `AmqpHeaders(&delivery.properties)` to
/// read, and `AmqpHeaders(&mut properties)` to write.
///
/// AMQP compares names with case, and the instrumentations of OpenTelemetry look for lower case, so
/// that is what is written. Names are read in any case, and every spelling of a field is replaced.
///
/// ```
/// use lapin::BasicProperties;
/// use queues::amqp::AmqpHeaders;
/// use throughline::context::TraceContext;
/// use throughline::propagation::Propagator;
///
/// let mut properties = BasicProperties::default().with_content_type("text/plain".into());
/// Propagator::default().inject(&TraceContext::current(), &mut AmqpHeaders(&mut properties));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AmqpHeaders<P>(pub P);

impl<P: Borrow<BasicProperties>> Extractor for AmqpHeaders<P> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (name, value) in self.0.borrow().headers().iter().flatten() {
            received.offer(name.as_str(), text(value));
        }
    }
}

impl<P: BorrowMut<BasicProperties>> Injector for AmqpHeaders<P> {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        let mut headers = self.without(field).unwrap_or_default();
        let value = AMQPValue::LongString(value.as_str().into());
        headers.insert(field.as_str().into(), value);
        self.put(headers);
    }

    fn remove(&mut self, field: Field) {
        let there = self.0.borrow().headers().iter().flatten().any(|(name, _)| is(field, name));
        if there && let Some(headers) = self.without(field) {
            self.put(headers);
        }
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        self.extract_into(received);
    }
}

impl<P: BorrowMut<BasicProperties>> AmqpHeaders<P> {
    /// A copy of the headers: lapin has no way to take one out of its table.
    fn without(&self, field: Field) -> Option<FieldTable> {
        let headers = self.0.borrow().headers().as_ref()?;
        let others = headers.inner().iter().filter(|(name, _)| !is(field, name));
        let others = others.map(|(name, value)| (name.clone(), value.clone()));
        Some(others.collect::<BTreeMap<_, _>>().into())
    }

    fn put(&mut self, headers: FieldTable) {
        let properties = self.0.borrow_mut();
        *properties = mem::take(properties).with_headers(headers);
    }
}

/// The bytes of a text. Clients differ in which of these types they take for one.
fn text(value: &AMQPValue) -> &[u8] {
    match value {
        AMQPValue::LongString(text) => text.as_bytes(),
        AMQPValue::ShortString(text) => text.as_str().as_bytes(),
        AMQPValue::ByteArray(bytes) => bytes.as_slice(),
        _ => NO_TEXT,
    }
}

fn is(field: Field, name: &ShortString) -> bool {
    Field::from_name(name.as_str().as_bytes()) == Some(field)
}

/// Stands for a number, a table and the like: no format takes it, so each refuses it by its own rule.
const NO_TEXT: &[u8] = b"\0";

#[cfg(test)]
mod tests {
    use throughline::context::TraceContext;
    use throughline::propagation::Propagator;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";

    fn properties(headers: &[(&str, AMQPValue)]) -> BasicProperties {
        let headers: BTreeMap<ShortString, _> =
            headers.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        BasicProperties::default().with_priority(3).with_headers(headers.into())
    }

    fn long(text: &str) -> AMQPValue {
        AMQPValue::LongString(text.into())
    }

    fn rules(headers: &[(&str, AMQPValue)]) -> Vec<&'static str> {
        let found = Propagator::default().extract(&AmqpHeaders(&properties(headers)));
        assert!(found.context.is_empty());
        found.refused.iter().map(|error| error.rule().id()).collect()
    }

    #[test]
    fn every_type_of_text_is_read() {
        for parent in [
            long(PARENT),
            AMQPValue::ShortString(PARENT.into()),
            AMQPValue::ByteArray(PARENT.as_bytes().into()),
        ] {
            let found = Propagator::default()
                .extract(&AmqpHeaders(&properties(&[("TraceParent", parent)])));
            assert_eq!(found.context.parent().unwrap().to_string(), PARENT);
        }
    }

    #[test]
    fn bo_3_every_spelling_of_a_field_is_replaced_and_the_rest_stays() {
        let mut sent = properties(&[
            ("x", AMQPValue::LongInt(1)),
            ("TRACEPARENT", AMQPValue::Void),
            ("Traceparent", long("stale")),
            ("tracestate", long("stale=1")),
            ("baggage", long("tenant=7")),
        ]);
        let context = Propagator::default().extract(&[("traceparent", PARENT)][..]).context;
        Propagator::default().inject(&context, &mut AmqpHeaders(&mut sent));
        let headers = [
            ("x", AMQPValue::LongInt(1)),
            ("baggage", long("tenant=7")),
            ("sentry-trace", long(SENTRY)),
            ("traceparent", long(PARENT)),
        ];
        assert_eq!(sent, properties(&headers));
    }

    #[test]
    fn ms_3_without_context_properties_stay_as_they_are() {
        for before in [BasicProperties::default(), properties(&[("x", AMQPValue::Boolean(true))])] {
            let mut after = before.clone();
            Propagator::default().inject(&TraceContext::new(), &mut AmqpHeaders(&mut after));
            assert_eq!(after, before);
        }
    }

    #[test]
    fn ms_4_what_is_no_text_is_refused_by_rule() {
        let list = AMQPValue::FieldArray(vec![long(PARENT)].into());
        let table = AMQPValue::FieldTable(FieldTable::default());
        for odd in [AMQPValue::LongInt(7), AMQPValue::Boolean(true), AMQPValue::Void, list, table] {
            assert_eq!(rules(&[("traceparent", odd.clone())]), ["TP-3"], "{odd:?}");
            assert_eq!(rules(&[("sentry-trace", odd.clone())]), ["SE-1"], "{odd:?}");
            assert_eq!(rules(&[("baggage", odd.clone())]), ["BG-9"], "{odd:?}");
            assert_eq!(rules(&[("x", odd.clone()), ("", odd)]), [""; 0]);
        }
        assert_eq!(
            rules(&[("traceparent", long(PARENT)), ("Traceparent", long(PARENT))]),
            ["TP-5"]
        );
    }
}
