use async_nats::jetstream::consumer::pull::{Config as Pull, Stream};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, AckKind, Message};
use futures_util::StreamExt;
use throughline::context::TraceContext;
use throughline::nats::TracedJetStream;

use super::{Bed, header_map, within};

/// The shop's side of a stream of jobs, and what a consumer of it gets.
async fn jobs(bed: &Bed) -> (TracedJetStream, Stream) {
    let jetstream = bed.shop().jetstream(jetstream::new(bed.client.clone()));
    let config = Config {
        name: "JOBS".to_owned(),
        subjects: vec!["jobs.>".to_owned()],
        ..Config::default()
    };
    let stream = within(jetstream.create_stream(config)).await.unwrap();
    let config = Pull { durable_name: Some("builders".to_owned()), ..Pull::default() };
    let consumer = within(stream.create_consumer(config)).await.unwrap();
    (jetstream, within(consumer.messages()).await.unwrap())
}

async fn next(messages: &mut Stream) -> Message {
    within(messages.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_job_that_is_stored_is_processed_in_a_child_of_the_span_that_published_it() {
    let bed = Bed::new().await;
    let (shop, mut messages) = jobs(&bed).await;
    let publish = PublishMessage::build().payload("build".into()).message_id("order-7");
    let ack = shop.send_publish("jobs.7", publish.header("x", "1")).await.unwrap();
    assert!(bed.spans.finished().is_empty(), "the span waits for the acknowledgement");
    assert!(!within(ack.into_future()).await.unwrap().duplicate);

    let message = next(&mut messages).await;
    assert_eq!(message.headers.as_ref().unwrap().get("x").unwrap().as_str(), "1");
    within(bed.nats.process(&message).try_run(message.double_ack())).await.unwrap();
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   publish jobs.7  PRODUCER
    stock    process jobs.7  CONSUMER
    ");
    insta::assert_debug_snapshot!(bed.span("process jobs.7").attributes, @r#"
    {
        "messaging.consumer.group.name": "builders",
        "messaging.destination.name": "jobs.7",
        "messaging.message.body.size": "5",
        "messaging.message.id": "order-7",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.system": "nats",
    }
    "#);
}

#[tokio::test]
async fn each_attempt_is_a_child_of_the_span_that_published_the_job() {
    let bed = Bed::new().await;
    let (shop, mut messages) = jobs(&bed).await;
    within(shop.publish("jobs.7", "build".into()).await.unwrap().into_future()).await.unwrap();
    for attempt in 1..=3 {
        let message = next(&mut messages).await;
        let processing = bed.nats.process(&message);
        if attempt < 3 {
            let refuse = within(message.ack_with(AckKind::Nak(None)));
            processing.run(refuse).await.unwrap();
        } else {
            within(processing.try_run(message.double_ack())).await.unwrap();
        }
    }
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   publish jobs.7  PRODUCER
    stock    process jobs.7  CONSUMER
    stock    process jobs.7  CONSUMER
    stock    process jobs.7  CONSUMER
    ");
    let attempts: Vec<_> = bed.spans.finished()[1..]
        .iter()
        .map(|span| span.attribute("messaging.nats.message.delivery_attempt").map(str::to_owned))
        .collect();
    assert_eq!(attempts, [None, Some("2".to_owned()), Some("3".to_owned())]);
}

#[tokio::test]
async fn a_batch_of_jobs_links_to_what_published_them() {
    let bed = Bed::new().await;
    let (shop, mut messages) = jobs(&bed).await;
    let mut batch = Vec::new();
    for n in 0..3 {
        let headers = header_map(&[("n", &n.to_string())]);
        let ack = shop.publish_with_headers("jobs.7", headers, "x".into()).await.unwrap();
        within(ack.into_future()).await.unwrap();
        batch.push(next(&mut messages).await);
    }
    bed.nats.process_batch(&batch).succeeded();
    assert_eq!(bed.span("process").links.len(), 3);
}

#[tokio::test]
async fn a_job_of_somebody_else_begins_a_trace() {
    let bed = Bed::new().await;
    let (shop, mut messages) = jobs(&bed).await;
    let plain = shop.into_inner();
    within(plain.publish("jobs.7", "build".into()).await.unwrap().into_future()).await.unwrap();
    let message = next(&mut messages).await;
    let seen = bed.nats.process(&message).run(async { TraceContext::current() }).await;
    let span = bed.spans.only();
    assert_eq!(
        (span.parent_span_id, seen.parent().unwrap().parent_id().to_string()),
        (None, span.span_id)
    );
}

#[tokio::test]
async fn a_job_that_is_not_stored_is_an_error_of_its_kind() {
    let bed = Bed::new().await;
    let (shop, _messages) = jobs(&bed).await;
    let ack = shop.publish("elsewhere", "x".into()).await.unwrap();
    let error = within(ack.into_future()).await.unwrap_err();
    assert_eq!(error.kind(), PublishErrorKind::StreamNotFound);
    assert_eq!(bed.span("publish elsewhere").attribute("error.type"), Some("StreamNotFound"));

    let over = vec![b'x'; shop.client().max_payload() + 1];
    shop.publish("jobs.over", over.into()).await.unwrap_err();
    let error_type = bed.span("publish jobs.over").attribute("error.type").map(str::to_owned);
    assert_eq!(error_type.as_deref(), Some("MaxPayloadExceeded"));
}

#[tokio::test]
async fn who_does_not_ask_for_the_acknowledgement_has_sent_and_who_stops_waiting_cancels() {
    let bed = Bed::new().await;
    let (shop, mut messages) = jobs(&bed).await;
    drop(shop.publish("jobs.1", "x".into()).await.unwrap());
    assert!(!bed.span("publish jobs.1").is_error());
    drop(shop.publish("jobs.2", "x".into()).await.unwrap().into_future());
    assert_eq!(bed.span("publish jobs.2").attribute("error.type"), Some("cancelled"));
    for subject in ["jobs.1", "jobs.2"] {
        assert_eq!(&*next(&mut messages).await.subject, subject);
    }
}
