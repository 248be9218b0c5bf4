//! Runners and brokers of another make, which know no acknowledgements.

use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::harness::{Bed, Socket, Stub, Target, event, only, sh, summary};

#[tokio::test]
async fn a_runner_that_asks_for_no_acknowledgements_gets_none_and_loses_nothing() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let mut socket = Socket::plain(&fleet.broker.url).await;
    for seq in 1..=20 {
        socket.send_event(&event(seq, &format!("{seq} "))).await;
    }
    bed.spans_with(20, "broker.forwardEvent").await;
    // An answer to any of the events would come before the pong.
    socket.send(Message::Ping(Bytes::new())).await;
    assert_eq!(socket.next().await, Message::Pong(Bytes::new()));
    socket.close().await;
    fleet.stop().await;
    assert_eq!(bed.database().numbers().await, (1..=20).collect::<Vec<_>>());
    let written: String = (1..=20).map(|seq| format!("{seq} ")).collect();
    assert_eq!(bed.database().output().await, written);
}

#[tokio::test]
async fn what_a_runner_without_acknowledgements_has_sent_is_stored_after_it_hung_up() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let mut socket = Socket::plain(&fleet.broker.url).await;
    for seq in 1..=20 {
        let mut event = event(seq, "x");
        // Such runners do not number their events either.
        event.as_object_mut().unwrap().remove("seq");
        socket.send_event(&event).await;
    }
    socket.close().await;
    fleet.stop().await;
    // Their numbers begin where those of senders end.
    let first = 1 << 48;
    assert_eq!(bed.database().numbers().await, (first..first + 20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_runner_lives_with_a_broker_that_knows_no_acknowledgements() {
    let bed = Bed::new().await;
    let stub = Stub::start().await;
    let runner = bed.runner(&stub.url(), &sh("echo one; echo two"));
    // The runner has asked for the subprotocol, and does not go on without.
    assert_eq!(stub.plain().await.event().await, None);
    let mut session = stub.plain().await;
    let mut events = Vec::new();
    while let Some(event) = session.event().await {
        events.push(serde_json::from_str::<serde_json::Value>(&event).unwrap());
    }
    let runner = runner.end().await;
    runner.assert_success();
    assert!(runner.warned("the broker knows no acknowledgements"), "{runner:#?}");
    let numbers: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap()["type"], "build-completed");
    assert_eq!(summary(&runner)["events"], events.len());

    let spans = bed.spans();
    let root = only(&spans, "handleCommand.start-build");
    let sent: Vec<_> = spans.iter().filter(|span| span.name.starts_with("runner.send")).collect();
    assert_eq!(sent.len(), events.len(), "their spans have ended");
    for event in &events {
        let parent = event["_sentry"]["trace"].as_str().unwrap();
        let is_sender = |span: &&&throughline_testkit::SpanRecord| {
            parent == format!("{}-{}-1", span.trace_id, span.span_id)
        };
        assert_eq!(sent.iter().filter(is_sender).count(), 1, "{parent}");
        assert!(parent.starts_with(&root.trace_id));
        assert!(event["_sentry"]["baggage"].as_str().unwrap().contains("sentry-trace_id="));
    }
}

#[tokio::test]
async fn a_broker_that_says_what_the_runner_does_not_know_disturbs_nothing() {
    let bed = Bed::new().await;
    let stub = Stub::start().await;
    let runner = bed.runner(&stub.url(), &sh("echo one"));
    let mut session = stub.acknowledging().await;
    for text in ["hello", "[]", r#"{"type":"news"}"#, r#"{"type":"ack","commandId":"x","seq":99}"#]
    {
        session.say(text).await;
    }
    while let Some(event) = session.event().await {
        session.acknowledge(&event).await;
    }
    let runner = runner.end().await;
    runner.assert_success();
    assert_eq!(summary(&runner)["acknowledged"], summary(&runner)["events"]);
}

#[tokio::test]
async fn every_event_type_of_another_make_is_taken() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::plain(&broker.url).await;
    let kinds = [
        "build-completed",
        "build-failed",
        "error",
        "project-metadata",
        "files-deleted",
        "file-written",
    ];
    for kind in kinds {
        socket
            .send_event(&json!({"type": kind, "projectId": "p", "commandId": "c", "data": {}}))
            .await;
        assert_eq!(target.next().await.json()["type"], kind);
    }
    socket.close().await;
    broker.stop().await;
    let spans = bed.spans();
    for kind in kinds {
        only(&spans, &format!("broker.forwardEvent.{kind}"));
    }
}
