use async_nats::client::{Request, RequestErrorKind};
use futures_util::StreamExt;
use std::time::Duration;

use super::{Bed, header_map, next, within};

#[tokio::test]
async fn request_and_reply_are_one_trace() {
    let bed = Bed::new().await;
    let mut requests = bed.subscribe("price").await;
    let stock = bed.nats.client(bed.client.clone());
    let answer = async {
        let request = next(&mut requests).await;
        let reply = request.reply.clone().unwrap();
        bed.nats.process(&request).try_run(stock.publish(reply, "7".into())).await
    };
    let shop = bed.traced();
    let (reply, answered) = tokio::join!(within(shop.request("price", "lamp".into())), answer);
    answered.unwrap();
    let reply = reply.unwrap();
    assert_eq!(reply.payload, "7");
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   request price  PRODUCER
    stock    process price  CONSUMER
    stock      publish  PRODUCER
    ");
    let publish = bed.span("publish");
    assert_eq!(publish.attribute("messaging.destination.temporary"), Some("true"));
    let found = bed.nats.extract(&reply).context;
    assert_eq!(found.parent().unwrap().parent_id().to_string(), publish.span_id);
}

#[tokio::test]
async fn a_request_of_ones_own_keeps_its_headers_inbox_and_timeout() {
    let bed = Bed::new().await;
    let mut requests = bed.subscribe("price").await;
    let shop = bed.traced();
    let inbox = shop.new_inbox();
    let own = || header_map(&[("x", "1")]);
    let request = Request::new().headers(own()).inbox(inbox.clone()).timeout(None);
    let answer = async {
        let request = next(&mut requests).await;
        assert_eq!(request.headers.as_ref().unwrap().get("x").unwrap().as_str(), "1");
        assert!(bed.nats.extract(&request).context.parent().is_some());
        let reply = request.reply.unwrap();
        assert_eq!(&*reply, inbox);
        bed.client.publish(reply, "7".into()).await.unwrap();
    };
    let (reply, ()) = tokio::join!(within(shop.send_request("price", request)), answer);
    assert_eq!(reply.unwrap().payload, "7");

    let answer = async {
        let request = next(&mut requests).await;
        assert!(request.headers.as_ref().unwrap().get("traceparent").is_some());
        bed.client.publish(request.reply.unwrap(), request.payload).await.unwrap();
    };
    let asked = shop.request_with_headers("price", own(), "8".into());
    let (reply, ()) = tokio::join!(within(asked), answer);
    assert_eq!(reply.unwrap().payload, "8");
}

#[tokio::test]
async fn a_request_without_an_answer_is_an_error_of_its_kind() {
    let bed = Bed::new().await;
    let shop = bed.traced();
    let error = within(shop.request("nobody", "x".into())).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
    assert_eq!(bed.span("request nobody").attribute("error.type"), Some("NoResponders"));

    let _silent = bed.subscribe("silent").await;
    let request = Request::new().timeout(Some(Duration::ZERO));
    let error = within(shop.send_request("silent", request)).await.unwrap_err();
    assert_eq!(error.kind(), RequestErrorKind::TimedOut);
    assert_eq!(bed.span("request silent").attribute("error.type"), Some("TimedOut"));
}

#[tokio::test]
async fn who_waits_no_longer_cancels_the_request() {
    let bed = Bed::new().await;
    let mut requests = bed.subscribe("price").await;
    let shop = bed.traced();
    let mut asking = Box::pin(shop.request("price", "lamp".into()));
    tokio::select! {
        _ = &mut asking => panic!("nobody answers"),
        request = requests.next() => assert!(request.is_some()),
    }
    assert!(bed.spans.finished().is_empty());
    drop(asking);
    assert_eq!(bed.span("request price").attribute("error.type"), Some("cancelled"));
}
