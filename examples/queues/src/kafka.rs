//! Headers of Kafka messages, for rdkafka.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::message::{Header, Headers, OwnedHeaders};
use throughline::propagation::{Extractor, Field, FieldValue, Injector, Received};

/// The headers of a message as a carrier: `KafkaHeaders(message.headers())` to read, and
/// `KafkaHeaders(&mut record.headers)` to write.
///
/// Kafka compares names with case, and the instrumentations of OpenTelemetry look for lower case, so
/// that is what is written. Names are read in any case, and every spelling of a field is replaced.
///
/// ```
/// use queues::kafka::KafkaHeaders;
/// use rdkafka::producer::FutureRecord;
/// use throughline::context::TraceContext;
/// use throughline::propagation::Propagator;
///
/// let mut record = FutureRecord::to("orders").key("7").payload("one lamp");
/// Propagator::default().inject(&TraceContext::current(), &mut KafkaHeaders(&mut record.headers));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KafkaHeaders<H>(pub H);

impl<H: Headers> Extractor for KafkaHeaders<Option<&H>> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for header in self.0.into_iter().flat_map(readable) {
            received.offer(header.key, header.value.unwrap_or(NO_TEXT));
        }
    }
}

impl Injector for KafkaHeaders<&mut Option<OwnedHeaders>> {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        self.remove(field);
        let headers = self.0.take().unwrap_or_default();
        let header = Header { key: field.as_str(), value: Some(value.as_str()) };
        *self.0 = Some(headers.insert(header));
    }

    fn remove(&mut self, field: Field) {
        let is_field = |header: &Header<'_, &[u8]>| is(field, header.key);
        let Some(headers) = self.0.as_ref() else { return };
        if readable(headers).any(|header| is_field(&header)) {
            // rdkafka has no way to take a header out. One with an unreadable name is lost here.
            let others = readable(headers).filter(|header| !is_field(header));
            *self.0 = Some(others.fold(OwnedHeaders::new(), OwnedHeaders::insert));
        }
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        for header in self.0.iter().flat_map(readable) {
            received.offer(header.key, header.value.unwrap_or(NO_TEXT));
        }
    }
}

/// All headers but those whose name is no UTF-8.
fn readable<H: Headers>(headers: &H) -> impl Iterator<Item = Header<'_, &[u8]>> {
    (0..headers.count()).filter_map(|at| {
        // rdkafka 0.39 panics on such a name, and any producer can send one: without this, one
        // message would stop its consumers for as long as the topic keeps it.
        catch_unwind(AssertUnwindSafe(|| headers.try_get(at))).ok().flatten()
    })
}

fn is(field: Field, name: &str) -> bool {
    Field::from_name(name.as_bytes()) == Some(field)
}

/// Stands for a header without a value: no format takes it, so each refuses it by its own rule.
const NO_TEXT: &[u8] = b"\0";

#[cfg(test)]
mod tests {
    use throughline::context::TraceContext;
    use throughline::propagation::Propagator;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
    const DSC: &str = "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-sample_rand=0.5";

    type Pairs<'a> = Vec<(&'a str, Option<&'a [u8]>)>;

    fn headers(pairs: &[(&str, Option<&[u8]>)]) -> Option<OwnedHeaders> {
        let add = |headers: OwnedHeaders, &(key, value): &_| headers.insert(Header { key, value });
        Some(pairs.iter().fold(OwnedHeaders::new(), add))
    }

    fn pairs(headers: Option<&OwnedHeaders>) -> Pairs<'_> {
        headers.into_iter().flat_map(readable).map(|header| (header.key, header.value)).collect()
    }

    fn rules(headers: Option<&OwnedHeaders>) -> Vec<&'static str> {
        let found = Propagator::default().extract(&KafkaHeaders(headers));
        assert!(found.context.is_empty());
        found.refused.iter().map(|error| error.rule().id()).collect()
    }

    #[test]
    fn bo_3_every_spelling_of_a_field_is_replaced_and_the_rest_stays_in_order() {
        let mut sent = headers(&[
            ("b", Some(b"\xff")),
            ("TRACEPARENT", None),
            ("traceparent", Some(b"stale")),
            ("a", None),
            ("tracestate", Some(b"stale=1")),
            ("b", Some(b"")),
            ("traceparent", Some(b"stale")),
            ("Baggage", Some(b"tenant=7")),
        ]);
        let received = [("traceparent", PARENT), ("sentry-trace", SENTRY), ("baggage", DSC)];
        let context = Propagator::default().extract(&received[..]).context;
        Propagator::default().inject(&context, &mut KafkaHeaders(&mut sent));
        let baggage = format!("{DSC},tenant=7");
        let expected: Pairs<'_> = vec![
            ("b", Some(b"\xff")),
            ("a", None),
            ("b", Some(b"")),
            ("traceparent", Some(PARENT.as_bytes())),
            ("sentry-trace", Some(SENTRY.as_bytes())),
            ("baggage", Some(baggage.as_bytes())),
        ];
        assert_eq!(pairs(sent.as_ref()), expected);
    }

    #[test]
    fn ms_3_without_context_headers_stay_as_they_are() {
        let mut none = None;
        Propagator::default().inject(&TraceContext::new(), &mut KafkaHeaders(&mut none));
        assert!(none.is_none());

        let foreign: Pairs<'_> = vec![("x", Some(b"1")), ("x", None)];
        let mut some = headers(&foreign);
        Propagator::default().inject(&TraceContext::new(), &mut KafkaHeaders(&mut some));
        assert_eq!(pairs(some.as_ref()), foreign);
    }

    #[test]
    fn ms_4_odd_names_and_values_are_refused_by_rule() {
        for odd in [None, Some(&b""[..]), Some(b"\xff\xfe"), Some(&[b'0'; 10_000])] {
            assert_eq!(rules(headers(&[("traceparent", odd)]).as_ref()), ["TP-3"], "{odd:?}");
            assert_eq!(rules(headers(&[("sentry-trace", odd)]).as_ref()), ["SE-1"], "{odd:?}");
            assert_eq!(rules(headers(&[("", odd), ("é", odd)]).as_ref()), [""; 0]);
        }
        assert_eq!(rules(headers(&[("baggage", None)]).as_ref()), ["BG-9"]);
        let two = [("traceparent", Some(PARENT.as_bytes())), ("Traceparent", None)];
        assert_eq!(rules(headers(&two).as_ref()), ["TP-5"]);
        assert_eq!(rules(None), [""; 0]);
    }
}
