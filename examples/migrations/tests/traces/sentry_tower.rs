use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderMap;
use migrations::sentry_tower::{after, before};
use sentry_core::protocol::{Context, EnvelopeItem, Event, TraceContext, Transaction};
use sentry_core::test::with_captured_envelopes_options;
use sentry_core::{ClientOptions, Envelope};
use throughline_testkit::headers::assert_continues_for_sentry;
use throughline_testkit::{Caller, InMemorySpans, Kind, Sdk, SpanRecord};

use crate::shop::{self, closed, serve, stock};

/// What came of one request that fails, for the stock is closed.
struct Failed {
    envelopes: Vec<Envelope>,
    spans: Vec<SpanRecord>,
    /// To the stock.
    sent: HeaderMap,
}

fn failed(
    options: ClientOptions,
    app: impl FnOnce(migrations::Stock, &InMemorySpans) -> axum::Router,
) -> Failed {
    let spans = InMemorySpans::for_service("shop").sampler(after::sampler());
    let sent = Arc::default();
    let app = app(stock(Arc::clone(&sent), closed), &spans);
    let serve = || assert_eq!(serve(app, order()).status(), 502);
    let envelopes = with_captured_envelopes_options(serve, options);
    let sent = sent.lock().unwrap().clone();
    Failed { envelopes, spans: spans.finished(), sent }
}

fn both() -> [Failed; 2] {
    [
        failed(before::options(), |stock, _| before::app(stock)),
        failed(after::options(), |stock, spans| after::app(stock, &spans.provider())),
    ]
}

fn order() -> Request {
    shop::order(&Caller::new(Sdk::SentryPython))
}

impl Failed {
    fn event(&self) -> &Event<'static> {
        let mut events = self.envelopes.iter().filter_map(Envelope::event);
        let (Some(event), None) = (events.next(), events.next()) else { panic!("not one event") };
        event
    }

    fn transaction(&self) -> &Transaction<'static> {
        let mut items = self.envelopes.iter().flat_map(Envelope::items);
        let transaction = items.find_map(|item| match item {
            EnvelopeItem::Transaction(transaction) => Some(transaction),
            _ => None,
        });
        transaction.unwrap()
    }

    fn of_kind(&self, kind: Kind) -> &SpanRecord {
        self.spans.iter().find(|span| span.kind == kind).unwrap()
    }
}

fn trace(contexts: &sentry_core::protocol::Map<String, Context>) -> &TraceContext {
    match contexts.get("trace") {
        Some(Context::Trace(trace)) => trace,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trace_of_sentry_tower_goes_on() {
    let [before, after] = both();
    let transaction = before.transaction();
    let (trace, span) = (trace(&transaction.contexts), after.of_kind(Kind::Server));
    assert_eq!(span.trace_id, trace.trace_id.to_string());
    let parent = trace.parent_span_id.map(|parent| parent.to_string());
    assert!(parent.is_some() && span.parent_span_id == parent, "{parent:?}");
    assert_eq!(Some(&span.name), transaction.name.as_ref());
    assert_eq!(trace.op.as_deref(), Some("http.server"));
    assert_eq!(trace.data["http.response.status_code"], 502);
    assert_eq!(span.attribute("http.response.status_code"), Some("502"));
    assert!(span.is_error());
    assert!(!after.envelopes.iter().any(|envelope| envelope.event().is_none()), "spans come once");
}

#[test]
fn the_next_service_is_told_in_the_dialect_of_sentry_tower_too() {
    let [before, after] = both();
    let own = trace(&before.transaction().contexts);
    let told = before.sent["sentry-trace"].to_str().unwrap();
    assert!(told.starts_with(&format!("{}-{}", own.trace_id, own.span_id)), "{told}");
    assert_continues_for_sentry(&after.sent, after.of_kind(Kind::Client));
    assert!(after.sent.contains_key("traceparent"));
}

#[test]
fn an_error_that_is_captured_stays_in_the_trace() {
    let [before, after] = both();
    for seen in [&before, &after] {
        assert_eq!(seen.event().exception[0].value.as_deref(), Some("the stock is closed"));
    }
    let event = trace(&before.event().contexts);
    assert_eq!(event.span_id, trace(&before.transaction().contexts).span_id);
    let (event, span) = (trace(&after.event().contexts), after.of_kind(Kind::Server));
    assert_eq!(event.trace_id.to_string(), span.trace_id);
    assert_eq!(event.span_id.to_string(), span.span_id);
}
