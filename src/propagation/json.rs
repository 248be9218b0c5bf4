//! JSON objects.

use serde_json::{Map, Value};

use super::{Extractor, Field, FieldValue, Injector, RawValue, Received};

/// An object that holds context and nothing else, such as a job's `headers` or `metadata`: injecting
/// rewrites a member `baggage`, whatever it means to the application. Names are compared without case.
///
/// A member that is `null` is absent; one that is neither that nor a text is refused by the rule of
/// its format.
///
/// ```
/// use serde_json::{Map, json};
/// use throughline::context::TraceContext;
/// use throughline::propagation::Propagator;
///
/// let mut headers = Map::new();
/// Propagator::default().inject(&TraceContext::current(), &mut headers);
/// let job = json!({"task": "resize", "headers": headers});
/// # drop(job);
/// ```
impl Extractor for Map<String, Value> {
    fn extract_into<'a>(&'a self, received: &mut Received<'a>) {
        for (name, value) in self {
            if let Some(value) = raw_value(value) {
                received.offer(name, value);
            }
        }
    }
}

impl Injector for Map<String, Value> {
    fn set(&mut self, field: Field, value: FieldValue<'_>) {
        Injector::remove(self, field);
        self.insert(field.as_str().to_owned(), value.as_str().into());
    }

    fn remove(&mut self, field: Field) {
        // The map's own `remove` moves the last member to the gap where the order is preserved.
        self.retain(|name, _| Field::from_name(name.as_bytes()) != Some(field));
    }

    fn existing<'a>(&'a self, received: &mut Received<'a>) {
        self.extract_into(received);
    }
}

/// What a member says; `None` if it is as good as absent.
pub(super) fn raw_value(value: &Value) -> Option<RawValue<'_>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        _ => Some(NO_TEXT.into()),
    }
}

/// Stands for what is no text: no format takes it, so each refuses it by its own rule.
const NO_TEXT: &str = "\0";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::propagation::Propagator;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("no object: {value}") };
        object
    }

    fn rules(carrier: Value) -> Vec<&'static str> {
        let found = Propagator::default().extract(&object(carrier));
        assert!(found.context.parent().is_none());
        found.refused.iter().map(|error| error.rule().id()).collect()
    }

    #[test]
    fn bo_3_members_are_replaced_whatever_their_case_and_the_others_stay() {
        let mut job = object(json!({
            "b": 1, "TraceParent": PARENT, "a": {"traceparent": "inner"}, "tracestate": "v=1",
            "Baggage": "tenant=7",
        }));
        let propagator = Propagator::default();
        let context = propagator.extract(&job).context;
        assert_eq!(context.parent().unwrap().to_string(), PARENT);
        assert_eq!(context.trace_state().as_str(), "v=1");

        job.insert("SENTRY-TRACE".into(), json!(7));
        job.insert("sentry-trace".into(), json!("stale"));
        propagator.inject(&context, &mut job);
        let sent = json!({
            "b": 1, "a": {"traceparent": "inner"},
            "traceparent": PARENT, "tracestate": "v=1", "Baggage": "tenant=7",
            "sentry-trace": "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        });
        assert_eq!(Value::Object(job), sent);
    }

    #[test]
    fn ms_3_without_context_an_object_stays_as_it_is() {
        let mut job = object(json!({"task": "resize", "size": [1, 2], "note": null}));
        let before = job.clone();
        Propagator::default().inject(&Default::default(), &mut job);
        assert_eq!(job, before);
    }

    #[test]
    fn ms_4_what_is_no_text_is_refused_by_rule_and_null_is_absent() {
        for odd in [json!(7), json!(true), json!([PARENT]), json!({"a": PARENT}), json!("")] {
            assert_eq!(rules(json!({"traceparent": odd})), ["TP-3"], "{odd}");
            assert_eq!(rules(json!({"sentry-trace": odd})), ["SE-1"], "{odd}");
        }
        assert_eq!(rules(json!({"baggage": 7})), ["BG-9"]);
        assert_eq!(rules(json!({"traceparent": null, "baggage": null})), [""; 0]);
        assert_eq!(rules(json!({"traceparent": PARENT, "Traceparent": PARENT})), ["TP-5"]);
        assert_eq!(rules(json!({"traceparent": "0".repeat(10_000), "": "\u{0}é"})), ["TP-3"]);

        let found = Propagator::default().extract(&object(json!({
            "traceparent": PARENT, "tracestate": 7, "baggage": "a=1",
        })));
        assert_eq!(found.context.parent().unwrap().to_string(), PARENT);
        assert_eq!(found.context.baggage().as_str(), "a=1");
        assert_eq!(found.refused[0].rule().id(), "TS-7");
    }
}
