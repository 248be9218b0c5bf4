use serde::{Deserialize, Serialize};
use throughline::messaging::{MessageView, Messaging};
use throughline::websocket::Envelope;

use super::{Bed, next};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Job {
    build: String,
}

/// What lies in a table or passes a broker that knows no headers.
#[tokio::test]
async fn a_job_carries_its_context_in_its_payload() {
    let bed = Bed::new().await;
    let mut rows = bed.subscribe("jobs").await;
    let jobs = |service: &str| {
        let provider = bed.spans.service(service).provider();
        Messaging::new("jobs").destination("builds").tracer_provider(provider).metrics(false)
    };
    let job = Job { build: "lamp".to_owned() };
    let sending = jobs("shop").send(MessageView::new());
    let row = Envelope::json().encode_with(&job, &sending.context()).unwrap();
    sending.end_with(&bed.client.publish("jobs", row.into()).await);

    let row = next(&mut rows).await;
    assert!(row.headers.is_none());
    let row = std::str::from_utf8(&row.payload).unwrap();
    let (found_job, found) = Envelope::json().decode::<Job>(row).unwrap();
    let processing = jobs("stock").process(MessageView::new().body_bytes(row.len()), &found);
    processing.run(async { assert_eq!(found_job, job) }).await;
    insta::assert_snapshot!(bed.spans.tree(), @r"
    shop   send builds  PRODUCER
    stock    process builds  CONSUMER
    ");
}
