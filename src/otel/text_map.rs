use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use super::bridge::with_app_baggage;
use super::{ContextExt, app_baggage};
use crate::propagation::{self, Field, FieldValue, Propagator, Received};

/// This crate's formats for code that uses OpenTelemetry's propagators: one line swaps them.
///
/// ```
/// use throughline::otel::TextMap;
/// use throughline::propagation::Propagator;
///
/// let propagator = Propagator::default().forward_baggage(true);
/// opentelemetry::global::set_text_map_propagator(TextMap::new(propagator));
/// ```
///
/// The application's baggage is OpenTelemetry's: what comes in is filled into
/// [`Context::baggage`](opentelemetry::baggage::BaggageExt), and what that says goes out, members that
/// nobody has changed byte for byte. Sentry's members are none of it. Unlike OpenTelemetry's baggage
/// propagator, a [`Propagator`] keeps baggage to itself by default; the line above sends it on.
///
/// OpenTelemetry's carriers cannot be read while something is written, and cannot remove a field:
/// baggage that stands there is replaced, and stale fields stay where there is nothing to send, such
/// as the `tracestate` of another trace. Inject into a carrier that is new.
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
        let mut context = cx.trace_context();
        *context.baggage_mut() = app_baggage::with_changes(cx, context.baggage());
        self.propagator.inject(&context, &mut Out(injector));
    }

    /// What the carrier does not have stays in the context as it is, as OpenTelemetry wants it: the
    /// span, the baggage, or both.
    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let found = self.propagator.extract(&In(extractor)).context;
        let cx = app_baggage::fill(cx, found.baggage());
        match found.parent() {
            Some(_) => cx.with_trace_context(found),
            None if found.baggage().is_empty() => cx,
            None => with_app_baggage(&cx, found.baggage().clone()),
        }
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
    use opentelemetry::KeyValue;
    use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
    use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

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

    /// As [`carrier`], with other fields beside it.
    fn received(fields: &[(&str, &str)]) -> Context {
        let carrier: HashMap<_, _> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        TextMap::default().extract_with_context(&Context::new(), &carrier)
    }

    fn sent(cx: &Context, propagator: Propagator) -> HashMap<String, String> {
        let mut out = HashMap::new();
        TextMap::new(propagator).inject_context(cx, &mut out);
        out
    }

    /// The baggage that goes out where it may.
    fn forwarded(cx: &Context) -> Option<String> {
        sent(cx, Propagator::default().forward_baggage(true)).remove("baggage")
    }

    /// The same context after somebody has changed OpenTelemetry's baggage.
    fn edited(cx: &Context, edit: impl FnOnce(&mut Vec<KeyValueMetadata>)) -> Context {
        let mut members: Vec<_> = cx
            .baggage()
            .iter()
            .map(|(key, (value, properties))| {
                KeyValueMetadata::new(key.clone(), value.clone(), properties.as_str())
            })
            .collect();
        edit(&mut members);
        cx.with_baggage(members)
    }

    fn without(cx: &Context, key: &str) -> Context {
        let members = cx.baggage().iter().filter(|(name, _)| name.as_str() != key);
        let members = members.map(|(key, (value, _))| KeyValue::new(key.clone(), value.clone()));
        cx.with_baggage(members.collect::<Vec<_>>())
    }

    const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";

    #[test]
    fn what_came_in_is_the_baggage_that_opentelemetry_shows() {
        let baggage = "user=J%C3%BCrgen;ttl=60;x, sentry-sample_rand=0.1 ,a=1,a=2,e=";
        let cx = received(&[("sentry-trace", SENTRY), ("baggage", baggage)]);
        let shown = cx.baggage();
        let value = |key| shown.get(key).map(ToString::to_string);
        assert_eq!(shown.len(), 3);
        assert_eq!(value("user").as_deref(), Some("J\u{fc}rgen"));
        assert_eq!(shown.get_with_metadata("user").unwrap().1.as_str(), "ttl=60;x");
        assert_eq!(value("a").as_deref(), Some("2"));
        assert_eq!(value("e").as_deref(), Some(""));
        assert_eq!(forwarded(&cx).as_deref(), Some(baggage));
    }

    #[test]
    fn baggage_of_opentelemetry_goes_out_where_it_may() {
        let cx = Context::new().with_baggage([KeyValue::new("tenant", "7 a,b")]);
        assert_eq!(forwarded(&cx).as_deref(), Some("tenant=7%20a%2Cb"));
        assert!(sent(&cx, Propagator::default()).is_empty(), "the default keeps it");
        let only = Propagator::default().forward_baggage(["other"]);
        assert!(sent(&cx, only).is_empty());
        // A context that another part of this crate has read.
        let trace = Propagator::default().extract(&[("baggage", "a=1,b=2")][..]).context;
        let cx = Context::new().with_trace_context(trace);
        assert_eq!(forwarded(&cx).as_deref(), Some("a=1,b=2"));
        let cx = cx.with_baggage([KeyValue::new("b", "3"), KeyValue::new("c", "4")]);
        assert_eq!(forwarded(&cx).as_deref(), Some("a=1,b=3,c=4"));
    }

    #[test]
    fn bg_12_only_what_was_changed_is_written_anew() {
        let baggage = "a=%41;p=%2C,sentry-sample_rand=0.%31,b=2,b=3;q,c=4";
        let cx = received(&[("sentry-trace", SENTRY), ("baggage", baggage)]);
        let set = |key: &'static str, value: &'static str| {
            edited(&cx, |members| members.push(KeyValueMetadata::new(key, value, "")))
        };
        assert_eq!(forwarded(&set("d", "5")).unwrap(), format!("{baggage},d=5"));
        assert_eq!(
            forwarded(&set("b", " 9")).as_deref(),
            Some("a=%41;p=%2C,sentry-sample_rand=0.%31,b=%209,c=4")
        );
        assert_eq!(forwarded(&set("c", "4")).as_deref(), Some(baggage));
        assert_eq!(forwarded(&set("a", "A")).as_deref(), Some(baggage));
        assert_eq!(
            forwarded(&without(&cx, "a")).as_deref(),
            Some("sentry-sample_rand=0.%31,b=2,b=3;q,c=4"),
            "without properties"
        );
        let new = edited(&cx, |members| members.push(KeyValueMetadata::new("c", "4", "new")));
        assert_eq!(forwarded(&new).unwrap(), format!("{baggage};new"));
        assert_eq!(
            forwarded(&cx.with_cleared_baggage()).as_deref(),
            Some("sentry-sample_rand=0.%31")
        );
    }

    #[test]
    fn sentrys_members_are_none_of_opentelemetrys_baggage() {
        let baggage = [("sentry-trace", SENTRY), ("baggage", "sentry-sample_rand=0.1,a=1")];
        for cx in [received(&baggage), received(&baggage[..1]), Context::new()] {
            let before = forwarded(&cx);
            let smuggled = edited(&cx, |members| {
                members.push(KeyValueMetadata::new("sentry-release", "2", ""));
            });
            assert_eq!(forwarded(&smuggled), before);
        }
    }

    #[test]
    fn bg_7_properties_are_no_way_to_smuggle_a_member_in() {
        let with = |properties: &'static str| {
            let member = KeyValueMetadata::new("a", "1", properties);
            forwarded(&Context::new().with_baggage([member])).unwrap()
        };
        assert_eq!(with("p=1; q"), "a=1;p=1; q");
        for bad in ["p,b=2", "p,sentry-release=2", "p\r\nx: y", "\u{e9}", ",", "p,,b=2"] {
            let out = with(bad);
            assert!(
                out.starts_with("a=1") && !out.contains("b=") && !out.contains("sentry"),
                "{out}"
            );
            assert!(out.is_ascii() && !out.contains('\n'), "{out}");
        }
    }

    #[test]
    fn bg_10_what_does_not_fit_is_left_out_whole() {
        let cx = Context::new()
            .with_baggage([KeyValue::new("a", "\u{e9}".repeat(2000)), KeyValue::new("b", "1")]);
        assert_eq!(forwarded(&cx).as_deref(), Some("b=1"));
    }

    #[test]
    fn bg_13_baggage_without_a_trace_leaves_the_span_where_it_is() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let baggage = HashMap::from([("baggage".to_owned(), "a=1".to_owned())]);
        let traced = received(&[
            ("sentry-trace", SENTRY),
            ("baggage", "sentry-sample_rand=0.1,b=2"),
            ("traceparent", PARENT),
            ("tracestate", "v=1"),
        ]);
        for cx in [Context::new(), traced] {
            let span = tracer.start_with_context("span", &cx);
            for cx in [cx.with_span(span), cx] {
                let found = TextMap::default().extract_with_context(&cx, &baggage);
                assert_eq!(found.span().span_context(), cx.span().span_context());
                assert_eq!(found.span().is_recording(), cx.span().is_recording());
                let (now, before) = (found.trace_context(), cx.trace_context());
                assert_eq!(now.parent(), before.parent());
                assert_eq!(now.trace_state(), before.trace_state());
                assert_eq!(found.baggage().get("a").unwrap().as_str(), "1");
                let mut expected = before.baggage().clone();
                expected.retain(|member| member.key() != "b");
                expected.push("a", "1").unwrap();
                assert_eq!(forwarded(&found).as_deref(), Some(expected.as_str()));
            }
        }
    }

    #[test]
    fn a_trace_without_baggage_leaves_opentelemetrys_baggage_where_it_is() {
        let cx = Context::new().with_baggage([KeyValue::new("a", "1")]);
        let found = TextMap::default().extract_with_context(&cx, &carrier());
        assert_eq!(forwarded(&found).as_deref(), Some("a=1"));
    }

    #[test]
    fn a_stale_state_stays_in_a_carrier_that_cannot_remove_it() {
        let cx = received(&[("traceparent", PARENT)]);
        let mut out = HashMap::from([("tracestate".to_owned(), "old=1".to_owned())]);
        TextMap::default().inject_context(&cx, &mut out);
        assert_eq!(out["tracestate"], "old=1");
    }
}
