//! Heartbeats leave no trace.

use serde_json::json;
use throughline_testkit::{Traces, Tree};

use crate::harness::{Bed, Gate, Socket, Target, ack, event, sh, summary};

#[tokio::test]
async fn a_heartbeat_has_no_span_and_no_row() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let mut socket = Socket::acknowledged(&fleet.broker.url).await;
    for heartbeat in [
        json!({"type": "runner-heartbeat"}),
        json!({"type": "runner-heartbeat", "projectId": "p", "commandId": "c", "seq": 9, "data": {}}),
    ] {
        socket.send_event(&heartbeat).await;
    }
    socket.send_event(&event(1, "x")).await;
    assert_eq!(socket.answer().await, ack(1), "a heartbeat is not acknowledged");
    socket.close().await;
    fleet.stop().await;
    assert_eq!(bed.database().numbers().await, [1]);
    let spans = bed.spans();
    assert!(spans.iter().all(|span| !span.name.contains("heartbeat")));
    assert_eq!(Traces::group(&spans).iter().count(), 1, "{}", Tree::new(&spans));
}

#[tokio::test]
async fn the_runners_own_heartbeat_is_taken_and_passed_on_with_the_decision_not_to_trace_it() {
    let bed = Bed::new().await;
    let mut gate = Gate::new(bed.folder());
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let runner = bed.runner(&broker.url, &sh(&gate.between("true", "true")));
    let heartbeat = loop {
        let request = target.next().await;
        if request.body.contains("runner-heartbeat") {
            break request;
        }
    };
    gate.open().await;
    let runner = runner.end().await;
    runner.assert_success();
    assert_eq!(summary(&runner)["refused"], 0);
    assert!(!runner.warned("refused"), "{runner:#?}");
    let broker = broker.stop().await;
    assert!(!broker.warned("refused"), "{broker:#?}");

    // Without a context the next service would begin a trace. Its id is random, and not sampled.
    let decision = heartbeat.header("traceparent").unwrap();
    assert!(decision.ends_with("-02"), "{decision}");
    assert!(heartbeat.header("sentry-trace").unwrap().ends_with("-0"));
    assert!(!heartbeat.body.contains("_trace") && !heartbeat.body.contains("_sentry"));
    let spans = bed.spans();
    assert_eq!(Traces::group(&spans).iter().count(), 1, "{}", Tree::new(&spans));
}
