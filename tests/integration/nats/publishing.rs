use async_nats::client::PublishErrorKind;
use async_nats::{ConnectOptions, Event};
use bytes::Bytes;
use throughline::context::TraceContext;
use throughline_testkit::NatsServer;
use tokio::sync::mpsc;

use super::{Bed, nats, next, within};
use crate::checked_spans::CheckedSpans;

#[tokio::test]
async fn a_message_is_processed_in_a_child_of_the_span_that_published_it() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders.*").await;
    bed.traced().publish("orders.42", "one lamp".into()).await.unwrap();
    let message = next(&mut orders).await;
    assert_eq!(message.payload, "one lamp");
    bed.process(&message).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   publish orders.42  PRODUCER
    stock    process orders.42  CONSUMER
    ");
    insta::assert_debug_snapshot!(bed.span("process orders.42").attributes, @r#"
    {
        "messaging.destination.name": "orders.42",
        "messaging.message.body.size": "8",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.system": "nats",
    }
    "#);
}

#[tokio::test]
async fn every_way_to_publish_carries_the_context() {
    let bed = Bed::new().await;
    let mut all = bed.subscribe("a.>").await;
    let client = bed.traced();
    let headers = || super::header_map(&[("x", "1")]);
    let body = Bytes::from_static(b"x");
    client.publish("a.1", body.clone()).await.unwrap();
    client.publish_with_headers("a.2", headers(), body.clone()).await.unwrap();
    client.publish_with_reply("a.3", "b", body.clone()).await.unwrap();
    client.publish_with_reply_and_headers("a.4", "b", headers(), body).await.unwrap();
    let sent = bed.spans.finished();
    for (n, span) in sent.iter().enumerate() {
        let message = next(&mut all).await;
        let found = bed.nats.extract(&message);
        assert_eq!(found.context.parent().unwrap().parent_id().to_string(), span.span_id);
        assert_eq!(message.reply.is_some(), n >= 2);
        let own = message.headers.unwrap().get("x").map(ToString::to_string);
        assert_eq!(own.as_deref(), (n % 2 == 1).then_some("1"));
    }
    assert_eq!(sent.len(), 4);
}

#[tokio::test]
async fn spans_of_a_template_are_named_after_it() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders.*").await;
    let shop = bed.shop().subject_template("orders.{id}").client(bed.client.clone());
    shop.publish("orders.42", "x".into()).await.unwrap();
    let stock = bed.nats.clone().subject_template("orders.*");
    stock.process(&next(&mut orders).await).succeeded();
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   publish orders.{id}  PRODUCER
    stock    process orders.*  CONSUMER
    ");
}

#[tokio::test]
async fn a_message_of_somebody_else_begins_a_trace() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    bed.client.publish("orders", "x".into()).await.unwrap();
    let message = next(&mut orders).await;
    assert!(message.headers.is_none());
    bed.process(&message).await;
    let span = bed.spans.only();
    assert_eq!((&*span.name, span.parent_span_id), ("process orders", None));
}

#[tokio::test]
async fn ms_2_a_batch_links_to_its_messages() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    for _ in 0..3 {
        bed.traced().publish("orders", "lamp".into()).await.unwrap();
    }
    bed.client.publish("orders", "lamp".into()).await.unwrap();
    let mut batch = Vec::new();
    for _ in 0..4 {
        batch.push(next(&mut orders).await);
    }
    let sent: Vec<_> = bed.spans.finished().into_iter().map(|span| span.span_id).collect();
    bed.nats.process_batch(&batch).succeeded();
    let span = bed.span("process");
    let linked: Vec<_> = span.links.iter().map(|link| link.span_id.clone()).collect();
    assert_eq!((linked, span.parent_span_id.as_deref()), (sent, None));
    assert_eq!(span.attribute("messaging.batch.message_count"), Some("4"));
    assert_eq!(span.attribute("messaging.message.body.size"), Some("16"));
}

#[tokio::test]
async fn a_context_that_has_no_room_is_left_out_and_the_message_is_not() {
    let bed = Bed::new().await;
    let mut all = bed.subscribe(">").await;
    let client = bed.traced();
    let limit = client.max_payload();
    let full = Bytes::from(vec![b'x'; limit]);
    client.publish("full", full.clone()).await.unwrap();
    let message = next(&mut all).await;
    assert_eq!((message.payload.len(), message.headers), (limit, None));
    assert_eq!(bed.span("publish full").attribute("throughline.context.omitted"), Some("true"));

    // What our own count of bytes is worth: the longest body that the server takes with a context.
    let context = 10 + 2 + PARENT_LINES;
    client.publish("fits", full.slice(context..)).await.unwrap();
    assert!(next(&mut all).await.headers.is_some());
    client.publish("one.more", full.slice(context - 1..)).await.unwrap();
    assert!(next(&mut all).await.headers.is_none());

    let error = client.publish("over", [&full[..], b"x"].concat().into()).await.unwrap_err();
    assert_eq!(error.kind(), PublishErrorKind::MaxPayloadExceeded);
    let span = bed.span("publish over");
    assert_eq!(span.attribute("error.type"), Some("MaxPayloadExceeded"));
    assert!(span.is_error());
}

/// `traceparent` and `sentry-trace`, each with its colon, space and line end.
const PARENT_LINES: usize = (11 + 2 + 55 + 2) + (12 + 2 + 51 + 2);

#[tokio::test]
async fn ms_3_without_a_context_no_header_is_added() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    let plain = bed.shop().propagate_only().client(bed.client.clone());
    plain.publish("orders", "x".into()).await.unwrap();
    assert!(next(&mut orders).await.headers.is_none());
    let stale = super::header_map(&[("tracestate", "a=1"), ("x", "1")]);
    plain.publish_with_headers("orders", stale, "x".into()).await.unwrap();
    let headers = next(&mut orders).await.headers.unwrap();
    assert_eq!(headers.len(), 1, "a state without its parent is stale (rule TP-9)");
}

#[tokio::test]
async fn without_spans_what_came_in_goes_on() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders.>").await;
    let relay = bed.nats.clone().propagate_only();
    bed.traced().publish("orders.in", "x".into()).await.unwrap();
    let received = next(&mut orders).await;
    let client = relay.client(bed.client.clone());
    let forward = async { client.publish("orders.out", "x".into()).await };
    relay.process(&received).try_run(forward).await.unwrap();
    let forwarded = next(&mut orders).await;
    assert_eq!(bed.nats.extract(&forwarded).context, bed.nats.extract(&received).context);
    assert_eq!(bed.spans.finished().len(), 1);
}

#[tokio::test]
async fn a_slow_consumer_loses_messages_and_mixes_no_contexts() {
    let server = NatsServer::start().unwrap();
    let spans = CheckedSpans::for_service("stock");
    let (tell, mut events) = mpsc::unbounded_channel();
    let slow = ConnectOptions::new().subscription_capacity(4).event_callback(move |event| {
        let tell = tell.clone();
        async move { drop(tell.send(event)) }
    });
    let slow = within(slow.connect(server.url())).await.unwrap();
    let mut subscriber = slow.subscribe("orders").await.unwrap();
    within(slow.flush()).await.unwrap();

    let shop = nats(&spans.service("shop"))
        .client(within(async_nats::connect(server.url())).await.unwrap());
    for n in 0..40 {
        shop.publish("orders", format!("{n}").into()).await.unwrap();
    }
    within(async { while !matches!(events.recv().await, Some(Event::SlowConsumer(_))) {} }).await;
    let sent = spans.finished();
    let stock = nats(&spans);
    for _ in 0..4 {
        let message = next(&mut subscriber).await;
        let n: usize = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
        let seen = stock.process(&message).run(async { TraceContext::current() }).await;
        assert_eq!(seen.parent().unwrap().trace_id().to_string(), sent[n].trace_id);
    }
    assert_eq!(spans.finished().len(), sent.len() + 4);
}
