use opentelemetry::trace::SpanKind;
use queues::kafka::KafkaHeaders;
use rdkafka::message::{Header, Message, OwnedHeaders};
use throughline::context::TraceContext;
use throughline::otel::ContextExt;
use throughline_testkit::InMemorySpans;

use crate::harness::{
    BATCH, PARENT, TRACE, Topic, headers_of, links_of_batch, numbered, pairs, propagator, received,
    rules, span_of, traces_of_batch,
};

fn headers(pairs: &[(&str, Option<&[u8]>)]) -> Option<OwnedHeaders> {
    let add = |headers: OwnedHeaders, &(key, value): &_| headers.insert(Header { key, value });
    Some(pairs.iter().fold(OwnedHeaders::new(), add))
}

#[tokio::test]
async fn a_message_continues_the_trace_of_its_producer_with_every_header() {
    let (topic, spans) = (Topic::new(), InMemorySpans::for_service("shop"));
    let sending = span_of(&spans, SpanKind::Producer, received());
    let mut headers = None;
    propagator().inject(&sending.trace_context(), &mut KafkaHeaders(&mut headers));
    topic.send(headers, "one lamp").await;

    let message = topic.receive().await;
    assert_eq!(pairs(&message), headers_of(&sending));
    let found = propagator().extract(&KafkaHeaders(message.headers()));
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
    let topic = Topic::new();
    let stale = [
        ("x", Some(&b"1"[..])),
        ("Traceparent", Some(b"stale")),
        ("traceparent", None),
        ("SENTRY-TRACE", Some(b"\xff")),
        ("tracestate", Some(b"stale=1")),
        ("baggage", Some(b"sentry-release=stale")),
        ("x", Some(b"2")),
    ];
    topic.send(headers(&stale), "one lamp").await;

    let mut message = topic.receive().await;
    let sending = span_of(&InMemorySpans::new(), SpanKind::Producer, received());
    let mut headers = message.detach_headers();
    propagator().inject(&sending.trace_context(), &mut KafkaHeaders(&mut headers));
    topic.send(headers, "one lamp").await;

    let mut expected = headers_of(&sending);
    expected.extend([("x".to_owned(), "1".to_owned()), ("x".to_owned(), "2".to_owned())]);
    assert_eq!(pairs(&topic.receive().await), expected);
}

#[tokio::test]
async fn ms_2_the_messages_of_a_batch_keep_their_traces_apart() {
    let topic = Topic::new();
    for trace in 1..=BATCH {
        let mut headers = None;
        propagator().inject(&numbered(trace), &mut KafkaHeaders(&mut headers));
        topic.send(headers, &trace.to_string()).await;
    }
    let mut batch = Vec::new();
    for trace in 1..=BATCH {
        let message = topic.receive().await;
        assert_eq!(message.payload(), Some(trace.to_string().as_bytes()));
        batch.push(propagator().extract(&KafkaHeaders(message.headers())));
    }
    assert_eq!(links_of_batch(&batch), traces_of_batch());
}

#[tokio::test]
async fn ms_3_a_message_without_context_stays_as_it_is() {
    let topic = Topic::new();
    for (before, arrives) in [(None, vec![]), (headers(&[("x", Some(b"1"))]), vec![("x", "1")])] {
        let mut headers = before;
        propagator().inject(&TraceContext::new(), &mut KafkaHeaders(&mut headers));
        topic.send(headers, "one lamp").await;
        let message = topic.receive().await;
        assert_eq!((message.key(), message.payload()), (Some(&b"key"[..]), Some(&b"one lamp"[..])));
        let arrives = arrives.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs(&message), arrives.collect::<Vec<_>>());
        let found = propagator().extract(&KafkaHeaders(message.headers()));
        assert!(found.context.is_empty() && found.refused.is_empty());
    }
}

#[tokio::test]
async fn ms_4_a_bad_context_is_dropped_and_its_message_is_not() {
    let topic = Topic::new();
    for (name, value, refused) in [
        ("traceparent", None, &["TP-3"][..]),
        ("traceparent", Some(&b""[..]), &["TP-3"]),
        ("TraceParent", Some(b"\xff\xfe\x00"), &["TP-3"]),
        ("traceparent", Some(&[b'0'; 10_000]), &["TP-3"]),
        ("sentry-trace", Some(&[b'0'; 10_000]), &["SE-1"]),
        ("tracestate", Some(b"a=1"), &["TS-1"]),
        ("baggage", Some(b"\xff"), &["BG-9"]),
        ("", Some(b"1"), &[]),
        ("é\u{1f4a1}", None, &[]),
    ] {
        topic.send(headers(&[(name, value)]), name).await;
        let message = topic.receive().await;
        assert_eq!(message.payload(), Some(name.as_bytes()));
        let found = propagator().extract(&KafkaHeaders(message.headers()));
        assert!(found.context.is_empty());
        assert_eq!(rules(&found), refused, "{name}");
    }
}

#[tokio::test]
async fn a_name_that_is_no_text_stops_neither_a_consumer_nor_a_relay() {
    let topic = Topic::new();
    let odd: [(&[u8], &[u8]); 3] =
        [(b"\xff\xfe", b"1"), (b"TraceParent", PARENT.as_bytes()), (b"x\xc3", b"2")];
    topic.send_raw(&odd, "one lamp").await;

    let mut message = topic.receive().await;
    assert_eq!(message.payload(), Some(&b"one lamp"[..]));
    let found = propagator().extract(&KafkaHeaders(message.headers()));
    assert_eq!(found.context.parent().unwrap().trace_id().to_string(), TRACE);

    let mut headers = message.detach_headers();
    propagator().inject(&numbered(7), &mut KafkaHeaders(&mut headers));
    let found = propagator().extract(&KafkaHeaders(headers.as_ref()));
    assert_eq!(found.context.parent(), numbered(7).parent());
    assert!(found.refused.is_empty());
}
