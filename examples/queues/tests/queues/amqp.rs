use std::collections::BTreeMap;

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use opentelemetry::trace::SpanKind;
use queues::amqp::AmqpHeaders;
use throughline::context::TraceContext;
use throughline::otel::ContextExt;
use throughline_testkit::InMemorySpans;

use crate::harness::{
    BATCH, PARENT, Queue, headers_of, links_of_batch, numbered, propagator, received, rules,
    span_of, traces_of_batch,
};

fn properties(headers: &[(&str, AMQPValue)]) -> BasicProperties {
    let headers: BTreeMap<ShortString, _> =
        headers.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    BasicProperties::default().with_headers(headers.into())
}

fn long(text: impl Into<Vec<u8>>) -> AMQPValue {
    AMQPValue::LongString(text.into().into())
}

/// All headers as text, in alphabetical order.
fn pairs(delivery: &Delivery) -> Vec<(String, String)> {
    let headers = delivery.properties.headers().iter().flatten();
    headers
        .map(|(name, value)| match value {
            AMQPValue::LongString(text) => (name.to_string(), text.to_string()),
            other => (name.to_string(), format!("{other:?}")),
        })
        .collect()
}

#[tokio::test]
async fn a_message_continues_the_trace_of_its_producer_with_every_header() {
    let (mut queue, spans) = (Queue::new().await, InMemorySpans::for_service("shop"));
    let sending = span_of(&spans, SpanKind::Producer, received());
    let mut properties = BasicProperties::default();
    propagator().inject(&sending.trace_context(), &mut AmqpHeaders(&mut properties));
    queue.send(properties, "one lamp").await;

    let delivery = queue.receive().await;
    assert_eq!(pairs(&delivery), headers_of(&sending));
    let found = propagator().extract(&AmqpHeaders(&delivery.properties));
    assert_eq!(found.context.parent(), sending.trace_context().parent());
    assert!(found.refused.is_empty());

    drop(span_of(&spans.service("warehouse"), SpanKind::Consumer, found.context));
    drop(sending);
    insta::assert_snapshot!(spans.tree(), @r"
    shop       send  PRODUCER  (parent missing)
    warehouse    process  CONSUMER
    ");
}

#[tokio::test]
async fn bo_3_a_forwarded_message_has_each_field_once() {
    let mut queue = Queue::new().await;
    let stale = [
        ("x", long("1")),
        ("Traceparent", long("stale")),
        ("traceparent", AMQPValue::LongInt(7)),
        ("SENTRY-TRACE", AMQPValue::Void),
        ("tracestate", long("stale=1")),
        ("baggage", long("sentry-release=stale")),
    ];
    queue.send(properties(&stale), "one lamp").await;

    let mut properties = queue.receive().await.properties;
    let sending = span_of(&InMemorySpans::new(), SpanKind::Producer, received());
    propagator().inject(&sending.trace_context(), &mut AmqpHeaders(&mut properties));
    queue.send(properties, "one lamp").await;

    let mut expected = headers_of(&sending);
    expected.push(("x".to_owned(), "1".to_owned()));
    assert_eq!(pairs(&queue.receive().await), expected);
}

#[tokio::test]
async fn ms_2_the_messages_of_a_batch_keep_their_traces_apart() {
    let mut queue = Queue::new().await;
    for trace in 1..=BATCH {
        let mut properties = BasicProperties::default();
        propagator().inject(&numbered(trace), &mut AmqpHeaders(&mut properties));
        queue.send(properties, &trace.to_string()).await;
    }
    let mut batch = Vec::new();
    for trace in 1..=BATCH {
        let delivery = queue.receive().await;
        assert_eq!(delivery.data, trace.to_string().as_bytes());
        batch.push(propagator().extract(&AmqpHeaders(&delivery.properties)));
    }
    assert_eq!(links_of_batch(&batch), traces_of_batch());
}

#[tokio::test]
async fn ms_3_a_message_without_context_stays_as_it_is() {
    let mut queue = Queue::new().await;
    for before in [
        BasicProperties::default(),
        properties(&[("x", AMQPValue::LongInt(1))]).with_content_type("text/plain".into()),
    ] {
        let mut sent = before.clone();
        propagator().inject(&TraceContext::new(), &mut AmqpHeaders(&mut sent));
        queue.send(sent, "one lamp").await;
        let delivery = queue.receive().await;
        assert_eq!((&delivery.properties, &delivery.data[..]), (&before, &b"one lamp"[..]));
        let found = propagator().extract(&AmqpHeaders(&delivery.properties));
        assert!(found.context.is_empty() && found.refused.is_empty());
    }
}

#[tokio::test]
async fn ms_4_a_bad_context_is_dropped_and_its_message_is_not() {
    let mut queue = Queue::new().await;
    let longest = "n".repeat(255);
    for (name, value, refused) in [
        ("traceparent", AMQPValue::Void, &["TP-3"][..]),
        ("traceparent", AMQPValue::LongInt(7), &["TP-3"]),
        ("traceparent", AMQPValue::FieldArray(vec![long(PARENT)].into()), &["TP-3"]),
        ("traceparent", AMQPValue::FieldTable(FieldTable::default()), &["TP-3"]),
        ("traceparent", long(""), &["TP-3"]),
        ("TraceParent", long(*b"\xff\xfe\x00"), &["TP-3"]),
        ("traceparent", long([b'0'; 10_000]), &["TP-3"]),
        ("sentry-trace", AMQPValue::ByteArray([b'0'; 10_000][..].into()), &["SE-1"]),
        ("tracestate", long("a=1"), &["TS-1"]),
        ("baggage", AMQPValue::Boolean(true), &["BG-9"]),
        ("", AMQPValue::Double(0.5), &[]),
        ("é\u{1f4a1}", long("1"), &[]),
        (&longest, AMQPValue::Timestamp(1), &[]),
    ] {
        queue.send(properties(&[(name, value.clone())]), name).await;
        let delivery = queue.receive().await;
        assert_eq!(delivery.data, name.as_bytes());
        assert_eq!(delivery.properties, properties(&[(name, value)]));
        let found = propagator().extract(&AmqpHeaders(&delivery.properties));
        assert!(found.context.is_empty());
        assert_eq!(rules(&found), refused, "{name}");
    }
}
