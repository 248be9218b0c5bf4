//! Who is let in.

use http::StatusCode;
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::harness::{
    Bed, Gate, Process, SECRET, Service, Socket, Stub, Target, ack, event, lives, post, sh, summary,
};

#[tokio::test]
async fn a_broker_with_another_secret_is_refused_and_both_sides_say_so() {
    let bed = Bed::new().await;
    let api = bed.api("inprocess").await;
    let mut command = bed.command("broker");
    command.args(["--event-target", &api.url]).env("SHARED_SECRET", "another");
    let broker = Service::start("broker", &mut command).await;
    let mut command = bed.command("runner");
    command.args(["--broker-url", &broker.url.replacen("http", "ws", 1)]).args(sh("echo one"));
    command.env("SHARED_SECRET", "another");
    let runner = Process::spawn("runner", &mut command).end().await;

    assert_eq!(runner.code(), 1, "{runner:#?}");
    let said = summary(&runner);
    assert_eq!((&said["refused"], &said["acknowledged"]), (&said["events"], &json!(0)));
    let reason = "(unauthorized): send Authorization: Bearer with the secret";
    assert!(runner.warned(&format!("an event was refused {reason}")), "{runner:#?}");
    let broker = broker.stop().await;
    assert!(broker.warned(&format!("the API refused an event {reason}")), "{broker:#?}");
    let api = api.stop().await;
    assert!(api.warned(&format!("an event was refused {reason}")), "{api:#?}");
    for line in runner.stderr.iter().chain(&broker.stderr).chain(&api.stderr) {
        assert!(!line.contains(SECRET) && !line.contains("another"), "{line}");
    }

    assert!(bed.database().numbers().await.is_empty());
    let refused = bed.counted("api", "events.refused.total", "reason", "unauthorized");
    let events = said["events"].as_f64().unwrap();
    assert!(refused >= events, "the runner's heartbeats are refused too: {refused}");
    let forwarded = bed.counted("broker", "events.forwarded.total", "outcome", "refused");
    assert_eq!(forwarded, events);
}

#[tokio::test]
async fn an_api_with_another_secret_is_refused_by_persistence() {
    let bed = Bed::new().await;
    let persistence = bed.persistence().await;
    let mut command = bed.command("api");
    command.args(["--bus", &persistence.url]).env("SHARED_SECRET", "another");
    let api = Service::start("api", &mut command).await;
    let url = format!("{}/api/runner/events", api.url);
    let authorization = ("authorization", "Bearer another");
    let answer = post(&url, &[authorization], event(1, "x").to_string()).await;
    assert_eq!(answer.refusal(), (401, "unauthorized"));
    api.stop().await;
    persistence.stop().await;
    assert!(bed.database().numbers().await.is_empty());
}

#[tokio::test]
async fn a_runner_with_a_wrong_secret_is_refused_at_the_handshake_and_both_sides_say_so() {
    let bed = Bed::new().await;
    let target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let runner =
        bed.runner_with(&broker.url, &sh("echo one"), &[("SHARED_SECRET", "another")]).end().await;
    assert_eq!(runner.code(), 1, "{runner:#?}");
    assert!(runner.warned("the broker answered 401 Unauthorized: send Author"), "{runner:#?}");
    let broker = broker.stop().await;
    assert!(broker.warned("was refused: its secret is missing or wrong"), "{broker:#?}");
    assert_eq!(bed.counted("broker", "events.refused.total", "reason", "unauthorized"), 1.0);
}

#[tokio::test]
async fn a_runner_on_the_same_machine_needs_no_secret_but_a_wrong_one_is_refused() {
    let bed = Bed::new().await;
    let target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    socket.send_event(&event(1, "x")).await;
    assert_eq!(socket.answer().await, ack(1));

    let wrong = Socket::connect(&broker.url, &[("authorization", "Bearer another")]).await;
    let Err(error) = wrong else { panic!("a wrong secret was let in") };
    let Error::Http(response) = *error else { panic!("{error}") };
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    socket.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn a_runner_that_is_refused_in_mid_build_ends_its_command() {
    let bed = Bed::new().await;
    let gate = Gate::new(bed.folder());
    let stub = Stub::start().await;
    // One process of the script's own, which holds its output open.
    let script = gate.between("cat <&3 & echo $! $$", "true");
    let runner = bed.runner(&stub.url(), &sh(&script));
    let session = stub.acknowledging().await;
    let pids = runner.warns("  | ").await;
    drop(session);
    stub.refuse().await;
    let runner = runner.end().await;
    assert_eq!(runner.code(), 1, "{runner:#?}");
    assert!(runner.warned("the broker answered 401 Unauthorized: the secret has changed"));
    for pid in pids.trim_start_matches("  | ").split(' ') {
        assert!(!lives(pid), "what the build has started lives on: {pids}");
    }
    drop(gate);
}

#[tokio::test]
async fn commands_are_taken_from_those_with_the_secret_only() {
    let bed = Bed::new().await;
    let target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let url = format!("{}/api/commands", broker.url);
    for headers in [&[][..], &[("authorization", "Bearer another")]] {
        assert_eq!(post(&url, headers, "").await.refusal(), (401, "unauthorized"));
    }
    broker.stop().await;
}
