//! Brokers that are away, hang up, or come back.

use throughline_testkit::{SpanRecord, Traces, Tree};
use tokio::net::TcpListener;

use crate::harness::{Bed, Gate, Service, Stub, sh, summary, traceparent};

#[tokio::test]
async fn a_runner_that_starts_first_finds_the_broker_later() {
    let bed = Bed::new().await;
    let api = bed.api("inprocess").await;
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap().to_string();
    drop(reserved);
    let runner = bed.runner(&format!("http://{address}"), &sh("echo one"));
    runner.warns("the broker cannot be reached").await;
    let broker = bed.service("broker", &["--event-target", &api.url, "--listen", &address]).await;
    let runner = runner.end().await;
    runner.assert_success();
    broker.stop().await;
    api.stop().await;
    assert_whole(&bed, summary(&runner)["events"].as_u64().unwrap()).await;
}

#[tokio::test]
async fn a_broker_that_is_killed_and_started_again_costs_no_event() {
    let bed = Bed::new().await;
    let mut gate = Gate::new(bed.folder());
    let api = bed.api("inprocess").await;
    let broker = bed.broker(&api.url).await;
    let runner = bed.runner(&broker.url, &sh(&gate.between("echo one", "echo two")));
    // The spans of these have left the broker, so none is missing afterwards.
    bed.spans_with(4, "broker.forwardEvent").await;
    let address = broker.address().to_owned();
    broker.process.kill().await;
    runner.warns("reconnecting").await;
    gate.open().await;
    let broker = bed.service("broker", &["--event-target", &api.url, "--listen", &address]).await;
    let runner = runner.end().await;
    runner.assert_success();
    broker.stop().await;
    api.stop().await;
    let events = summary(&runner)["events"].as_u64().unwrap();
    assert_eq!(bed.database().numbers().await, (1..=events).collect::<Vec<_>>());
    assert_eq!(bed.database().output().await, "one\ntwo\n");
    let spans = bed.spans();
    assert_eq!(Traces::group(&spans).iter().count(), 1);
}

#[tokio::test]
async fn an_api_that_is_away_is_waited_for() {
    let bed = Bed::new().await;
    let mut gate = Gate::new(bed.folder());
    let api = bed.api("inprocess").await;
    let broker = bed.broker(&api.url).await;
    let runner = bed.runner(&broker.url, &sh(&gate.between("echo one", "echo two")));
    bed.spans_with(4, "persistent-processor").await;
    let address = api.address().to_owned();
    api.stop().await;
    gate.open().await;
    broker.process.warns("the API did not take an event, again in").await;
    let mut command = bed.command("api");
    let api =
        Service::start("api", command.args(["--bus", "inprocess", "--listen", &address])).await;
    let runner = runner.end().await;
    runner.assert_success();
    broker.stop().await;
    api.stop().await;
    assert_whole(&bed, summary(&runner)["events"].as_u64().unwrap()).await;
}

#[tokio::test]
async fn a_resent_event_keeps_its_bytes_and_its_span() {
    let bed = Bed::new().await;
    let mut gate = Gate::new(bed.folder());
    let stub = Stub::start().await;
    let runner = bed.runner(&stub.url(), &sh(&gate.between("echo one", "echo two")));
    let mut lost = Vec::new();
    let mut session = stub.acknowledging().await;
    for _ in 0..3 {
        lost.push(session.event().await.unwrap());
    }
    session.acknowledge(&lost[1]).await;
    // It has arrived when the runner's answer to what was sent after it is there.
    session.ping().await;
    drop(session);

    let mut session = stub.acknowledging().await;
    gate.open().await;
    let mut received = Vec::new();
    while let Some(event) = session.event().await {
        session.acknowledge(&event).await;
        received.push(event);
    }
    let runner = runner.end().await;
    runner.assert_success();
    assert!(runner.warned("reconnecting"), "{runner:#?}");
    assert_eq!(received[..2], [lost[0].clone(), lost[2].clone()], "same bytes, same order");
    assert_eq!(summary(&runner)["acknowledged"], summary(&runner)["events"]);

    let spans = bed.spans();
    for (event, attempts) in
        [(&lost[0], &["1", "2"][..]), (&lost[1], &["1"]), (&lost[2], &["1", "2"])]
    {
        let span = sender(&spans, event);
        let sent: Vec<_> = span.events.iter().filter(|event| event.name == "send").collect();
        let sent: Vec<_> = sent.iter().map(|event| event.attributes["attempt"].as_str()).collect();
        assert_eq!(sent, attempts, "{}", span.name);
    }
    let last = sender(&spans, received.last().unwrap());
    assert_eq!((last.name.as_str(), last.events.len()), ("runner.sendEvent.build-completed", 1));
}

/// The span that an event names as its parent.
fn sender<'a>(spans: &'a [SpanRecord], event: &str) -> &'a SpanRecord {
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    let parent = event["_trace"]["traceparent"].as_str().unwrap();
    spans.iter().find(|span| traceparent(span, "03") == parent).unwrap()
}

/// Every event once, and one unbroken trace.
async fn assert_whole(bed: &Bed, events: u64) {
    assert_eq!(bed.database().numbers().await, (1..=events).collect::<Vec<_>>());
    let spans = bed.spans();
    let traces = Traces::group(&spans);
    assert_eq!(traces.iter().count(), 1);
    assert!(traces.iter().all(|trace| trace.is_one_tree()), "{}", Tree::new(&spans));
}
