//! A stream of NATS between API and persistence: it keeps events while one of them is away.

use std::time::Duration;

use serde_json::json;
use sqlx::Connection;
use throughline_testkit::{SpanRecord, Traces, Tree};

use crate::harness::{Bed, Gate, Nats, SECRET, Socket, ack, event, post, post_event, sh, summary};

#[tokio::test]
async fn events_wait_in_the_stream_while_persistence_is_away() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let mut gate = Gate::new(bed.folder());
    let mut fleet = bed.fleet_over(&nats).await;
    let runner = bed.runner(&fleet.broker.url, &sh(&gate.between("echo one", "echo two")));
    bed.spans_with(4, "persistent-processor").await;
    fleet.persistence.take().unwrap().stop().await;
    gate.open().await;
    let runner = runner.end().await;
    runner.assert_success();
    assert_eq!(summary(&runner)["acknowledged"], summary(&runner)["events"]);

    fleet.persistence = Some(bed.service("persistence", &["--bus", &nats.url()]).await);
    let events = summary(&runner)["events"].as_u64().unwrap();
    assert_eq!(nats.emptied().await.last_sequence, events);
    fleet.stop().await;
    assert_whole(&bed, events).await;
    assert_eq!(bed.database().output().await, "one\ntwo\n");
}

#[tokio::test]
async fn an_event_that_is_under_way_when_persistence_is_killed_is_stored_once() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let api = bed.api(&nats.url()).await;
    nats.consumer(Duration::from_secs(1), 10).await;
    let persistence = bed.service("persistence", &["--bus", &nats.url()]).await;
    let lock = bed.database().lock().await;
    for seq in 1..=3 {
        post_event(&api.url, &[], &event(seq, "x")).await;
    }
    nats.delivers("an event under way", |info| info.num_ack_pending == 1).await;
    persistence.process.kill().await;
    lock.close().await.unwrap();

    let persistence = bed.service("persistence", &["--bus", &nats.url()]).await;
    nats.emptied().await;
    api.stop().await;
    persistence.stop().await;
    assert_eq!(bed.database().numbers().await, [1, 2, 3]);
    assert_eq!(bed.database().output().await, "xxx");
}

#[tokio::test]
async fn an_event_without_a_number_is_stored_once_however_often_it_is_delivered() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let api = bed.api(&nats.url()).await;
    nats.consumer(Duration::from_secs(1), 10).await;
    let one = bed.service("persistence", &["--bus", &nats.url()]).await;
    let other = bed.service("persistence", &["--bus", &nats.url()]).await;
    let lock = bed.database().lock().await;
    let mut unnumbered = event(1, "x");
    unnumbered.as_object_mut().unwrap().remove("seq");
    post_event(&api.url, &[], &unnumbered).await;
    nats.delivers("a second delivery", |info| info.num_redelivered == 1).await;
    lock.close().await.unwrap();
    bed.spans_with(2, "COMMIT").await;
    nats.emptied().await;
    for service in [api, one, other] {
        service.stop().await;
    }
    assert_eq!(bed.database().numbers().await.len(), 1);
    assert_eq!(bed.database().output().await, "x");
    let duplicates = bed.counted("persistence", "events.processed.total", "outcome", "duplicate");
    assert_eq!(duplicates, 1.0);
}

#[tokio::test]
async fn events_wait_before_the_api_while_the_server_is_away_and_are_stored_once() {
    let (bed, mut nats) = (Bed::new().await, Nats::start().await);
    let fleet = bed.fleet_over(&nats).await;
    let mut socket = Socket::acknowledged(&fleet.broker.url).await;
    socket.send_event(&event(1, "x")).await;
    assert_eq!(socket.answer().await, ack(1));

    nats.stop();
    fleet.api.process.warns("the NATS server is away, reconnecting").await;
    for seq in 2..=4 {
        socket.send_event(&event(seq, "x")).await;
    }
    fleet.broker.process.warns("the API did not take an event, again in").await;
    nats.restart();
    for seq in 2..=4 {
        assert_eq!(socket.answer().await, ack(seq));
    }
    // The API has sent the second event more than once.
    assert_eq!(nats.emptied().await.last_sequence, 4);
    socket.close().await;
    fleet.stop().await;
    assert_eq!(bed.database().numbers().await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_message_that_is_no_event_is_taken_out_of_the_stream_by_name() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let api = bed.api(&nats.url()).await;
    let persistence = bed.service("persistence", &["--bus", &nats.url()]).await;
    for (payload, name) in [
        (b"hello".to_vec(), "not_json"),
        (b"\xff\xfe".to_vec(), "not_json"),
        (event(0, "x").to_string().into_bytes(), "bad_data"),
    ] {
        nats.publish(payload).await;
        let said = format!("a message was taken out of the stream ({name})");
        persistence.process.warns(&said).await;
    }
    let mut first = event(1, "x");
    for (command, taken) in [("c", true), ("another", false)] {
        first["commandId"] = json!(command);
        first["sessionId"] = json!("s");
        nats.publish(first.to_string()).await;
        if !taken {
            let said = "a message was taken out of the stream (session_conflict)";
            persistence.process.warns(said).await;
        }
    }
    assert_eq!(nats.emptied().await.last_sequence, 5);
    api.stop().await;
    persistence.stop().await;

    assert_eq!(bed.database().numbers().await, [1]);
    let refused = |name| bed.counted("persistence", "events.refused.total", "reason", name);
    assert_eq!(
        (refused("not_json"), refused("bad_data"), refused("session_conflict")),
        (2.0, 1.0, 1.0)
    );
    let spans = bed.spans();
    let bad = spans.iter().filter(|span| span.name == "process events.{type}");
    let errors: Vec<_> = bad.map(|span| span.attribute("error.type")).collect();
    assert_eq!(errors, [Some("not_json"), Some("not_json"), Some("bad_data")]);
}

#[tokio::test]
async fn an_event_that_fails_is_delivered_again_in_a_span_of_its_own() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let api = bed.api(&nats.url()).await;
    let persistence = bed.service("persistence", &["--bus", &nats.url()]).await;
    bed.database().execute("ALTER TABLE generation_events RENAME TO away").await;
    post_event(&api.url, &[], &event(1, "x")).await;
    persistence.process.warns("an event was not stored").await;
    bed.database().execute("ALTER TABLE away RENAME TO generation_events").await;
    nats.emptied().await;
    api.stop().await;
    persistence.stop().await;
    assert_eq!(bed.database().numbers().await, [1]);
    let spans = bed.spans();
    let attempts = attempts(&spans);
    assert!(attempts.len() > 1);
    assert_eq!(attempts.iter().filter(|span| !span.is_error()).count(), 1);
}

#[tokio::test]
async fn an_event_that_fails_each_time_is_given_up_after_its_last_delivery() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let api = bed.api(&nats.url()).await;
    nats.consumer(Duration::from_secs(10), 3).await;
    let persistence = bed.service("persistence", &["--bus", &nats.url()]).await;
    bed.database().execute("ALTER TABLE generation_events RENAME TO away").await;
    post_event(&api.url, &[], &event(1, "x")).await;
    let said = "a message was taken out of the stream (undeliverable): it failed 3 times";
    persistence.process.warns(said).await;
    bed.database().execute("ALTER TABLE away RENAME TO generation_events").await;
    post_event(&api.url, &[], &event(2, "y")).await;
    assert_eq!(nats.emptied().await.last_sequence, 2);
    api.stop().await;
    persistence.stop().await;
    assert_eq!(bed.database().numbers().await, [2]);
    let failed: Vec<_> = bed.spans().into_iter().filter(SpanRecord::is_error).collect();
    assert_eq!(attempts(&failed).len(), 3);
    assert_eq!(bed.counted("persistence", "events.refused.total", "reason", "undeliverable"), 1.0);
}

#[tokio::test]
async fn an_event_that_the_server_does_not_take_is_refused_for_good() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let api = bed.api(&nats.url()).await;
    // Below the pipeline's own bound, and above the server's once it has a header.
    let room = 1024 * 1024 - event(1, "").to_string().len();
    let long = event(1, &"x".repeat(room)).to_string();
    assert_eq!(long.len(), 1024 * 1024);
    let headers = [("authorization", &*format!("Bearer {SECRET}"))];
    let answer = post(&format!("{}/api/runner/events", api.url), &headers, long).await;
    assert_eq!(answer.refusal(), (413, "too_large"));
    assert!(answer.body["reason"].as_str().unwrap().contains("max_payload"), "{answer:?}");
    api.stop().await;
    assert_eq!(nats.emptied().await.last_sequence, 0);
}

#[tokio::test]
async fn a_stream_that_is_lost_is_made_anew_by_either_side() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let api = bed.api(&nats.url()).await;
    let broker = bed.broker(&api.url).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    nats.delete_stream().await;
    socket.send_event(&event(1, "x")).await;
    assert_eq!(socket.answer().await, ack(1));

    let persistence = bed.service("persistence", &["--bus", &nats.url()]).await;
    nats.emptied().await;
    nats.delete_stream().await;
    persistence.process.warns("no events come, again in").await;
    socket.send_event(&event(2, "x")).await;
    assert_eq!(socket.answer().await, ack(2));
    bed.spans_with(2, "persistent-processor").await;
    nats.emptied().await;
    socket.close().await;
    for service in [broker, api, persistence] {
        service.stop().await;
    }
    assert_eq!(bed.database().numbers().await, [1, 2]);
}

/// The spans of the attempts to persist an event, which are children of the one that published it.
fn attempts(spans: &[SpanRecord]) -> Vec<&SpanRecord> {
    let attempts: Vec<_> =
        spans.iter().filter(|span| span.name.starts_with("persistent-processor")).collect();
    let parents = attempts.iter().map(|span| span.parent_span_id.as_deref());
    let first = parents.clone().next().flatten();
    assert!(
        first.is_some() && parents.clone().all(|parent| parent == first),
        "{}",
        Tree::new(spans)
    );
    attempts
}

/// Every event once, and one unbroken trace.
async fn assert_whole(bed: &Bed, events: u64) {
    assert_eq!(bed.database().numbers().await, (1..=events).collect::<Vec<_>>());
    let spans = bed.spans();
    let traces = Traces::group(&spans);
    assert_eq!(traces.iter().count(), 1);
    assert!(traces.iter().all(|trace| trace.is_one_tree()), "{}", Tree::new(&spans));
}
