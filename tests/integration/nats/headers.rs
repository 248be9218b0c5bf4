use bytes::Bytes;

use super::{Bed, PARENT, TRACE, header_map, next};

#[tokio::test]
async fn headers_of_the_sender_arrive_with_their_case_and_all_their_values() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    let own = [("X-Tag", "a"), ("X-Tag", "b"), ("x-tag", "c"), ("baggage", "tenant=7")];
    bed.traced().publish_with_headers("orders", header_map(&own), "x".into()).await.unwrap();
    let headers = next(&mut orders).await.headers.unwrap();
    let values = |name| headers.get_all(name).map(|value| value.as_str()).collect::<Vec<_>>();
    assert_eq!(values("X-Tag"), ["a", "b"]);
    assert_eq!(values("x-tag"), ["c"]);
    assert_eq!(values("baggage"), ["tenant=7"]);
    assert_eq!((values("traceparent").len(), values("sentry-trace").len()), (1, 1));
}

#[tokio::test]
async fn names_in_any_case_and_several_values_are_read() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    let sent = [("TraceParent", PARENT), ("Tracestate", "a=1"), ("Tracestate", "b=2")];
    bed.client.publish_with_headers("orders", header_map(&sent), "x".into()).await.unwrap();
    let seen = bed.process(&next(&mut orders).await).await;
    assert_eq!(seen.trace_state().as_str(), "a=1,b=2");
    let span = bed.span("process orders");
    assert_eq!((&*span.trace_id, span.parent_span_id.as_deref()), (TRACE, Some(&PARENT[36..52])));
}

#[tokio::test]
async fn ms_4_a_bad_context_is_dropped_and_the_message_is_not() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    for (bad, rule) in [
        (&[("traceparent", "nonsense")][..], "TP-3"),
        (&[("traceparent", PARENT), ("Traceparent", PARENT)], "TP-5"),
        (&[("traceparent", PARENT), ("traceparent", PARENT)], "TP-5"),
        (&[("sentry-trace", "\u{e9}")], "SE-1"),
    ] {
        bed.client.publish_with_headers("orders", header_map(bad), "x".into()).await.unwrap();
        let message = next(&mut orders).await;
        let found = bed.nats.extract(&message);
        assert_eq!(found.refused[0].rule().id(), rule);
        bed.process(&message).await;
        let span = bed.spans.only();
        assert_eq!((&*span.name, span.parent_span_id), ("process orders", None));
        bed.spans.clear();
    }
}

#[tokio::test]
async fn ms_1_a_context_that_the_sender_has_set_stays_and_is_linked() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    let own = header_map(&[("Traceparent", PARENT)]);
    bed.traced().publish_with_headers("orders", own.clone(), "x".into()).await.unwrap();
    let message = next(&mut orders).await;
    assert_eq!(message.headers, Some(own));
    bed.process(&message).await;
    assert_eq!(bed.span("process orders").trace_id, TRACE);
    let span = bed.span("publish orders");
    assert_eq!((span.links.len(), &*span.links[0].span_id), (1, &PARENT[36..52]));
    assert_ne!(span.trace_id, TRACE);
}

#[tokio::test]
async fn bo_3_a_bad_context_that_the_sender_has_set_is_replaced() {
    let bed = Bed::new().await;
    let mut orders = bed.subscribe("orders").await;
    let own = header_map(&[("Traceparent", "nonsense"), ("x", "1")]);
    bed.traced().publish_with_headers("orders", own, "x".into()).await.unwrap();
    let message = next(&mut orders).await;
    assert!(message.headers.as_ref().unwrap().get("Traceparent").is_none());
    bed.process(&message).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   publish orders  PRODUCER
    stock    process orders  CONSUMER
    ");
}

#[tokio::test]
async fn tp_9_a_relay_without_a_context_sends_none_that_has_grown_stale() {
    let bed = Bed::new().await;
    let mut all = bed.subscribe(">").await;
    let relay = bed.shop().propagate_only().replace_context(true).client(bed.client.clone());
    let stale = [("Traceparent", PARENT), ("sentry-trace", &PARENT[3..])];
    relay.publish_with_headers("bare", header_map(&stale), "x".into()).await.unwrap();
    assert_eq!(next(&mut all).await.headers, None);
    let stale = [("traceparent", PARENT), ("x", "1")];
    relay.publish_with_headers("own", header_map(&stale), "x".into()).await.unwrap();
    assert_eq!(next(&mut all).await.headers, Some(header_map(&stale[1..])));
}

#[tokio::test]
async fn a_relay_without_room_for_its_context_sends_no_older_one() {
    let bed = Bed::new().await;
    let mut all = bed.subscribe(">").await;
    let relay = bed.shop().replace_context(true).client(bed.client.clone());
    let received = [("TraceParent", PARENT), ("baggage", "sentry-release=1,a=1"), ("x", "1")];
    let kept = header_map(&[("baggage", "a=1"), ("x", "1")]);
    // Room for what came in, and not for the longer headers that go out.
    let room = relay.max_payload() - "NATS/1.0\r\n\r\n".len() - received_bytes(&received);
    let payload = Bytes::from(vec![b'x'; room]);
    relay.publish_with_headers("full", header_map(&received), payload).await.unwrap();
    assert_eq!(next(&mut all).await.headers, Some(kept));
    let span = bed.spans.only();
    assert_eq!(span.attribute("throughline.context.omitted"), Some("true"));
    let bare = Bytes::from(vec![b'x'; relay.max_payload()]);
    relay.publish_with_headers("bare", header_map(&received[..1]), bare).await.unwrap();
    assert_eq!(next(&mut all).await.headers, None);
}

fn received_bytes(headers: &[(&str, &str)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + ": \r\n".len() + value.len()).sum()
}

#[tokio::test]
async fn ms_7_a_relay_is_a_link_of_the_chain() {
    let bed = Bed::new().await;
    let (mut first, mut second) = (bed.subscribe("in").await, bed.subscribe("out").await);
    bed.traced().publish_with_headers("in", header_map(&[("x", "1")]), "x".into()).await.unwrap();
    let received = next(&mut first).await;
    let relay = super::nats(&bed.spans.service("relay")).replace_context(true);
    let client = relay.client(bed.client.clone());
    let forward = async {
        let headers = received.headers.clone().unwrap();
        client.publish_with_headers("out", headers, received.payload.clone()).await
    };
    relay.process(&received).try_run(forward).await.unwrap();
    let forwarded = next(&mut second).await;
    assert_eq!(forwarded.headers.as_ref().unwrap().get("x").unwrap().as_str(), "1");
    bed.process(&forwarded).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   publish in  PRODUCER
    relay    process in  CONSUMER
    relay      publish out  PRODUCER
    stock        process out  CONSUMER
    ");
}
