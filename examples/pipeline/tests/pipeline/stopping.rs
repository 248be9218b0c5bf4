//! SIGTERM: what is under way is finished, what is left is exported.

use http::StatusCode;
use serde_json::{Value, json};
use throughline_testkit::Traces;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    Bed, Gate, SECRET, Service, Socket, Stub, Target, ack, event, lives, names, order, post, sh,
    summary, within,
};

#[tokio::test]
async fn a_runner_that_is_told_to_stop_reports_the_end_of_its_build() {
    let bed = Bed::new().await;
    let gate = Gate::new(bed.folder());
    let fleet = bed.fleet().await;
    // One process of the script's own, which holds its output open.
    let script = gate.between("cat <&3 & echo $! $$", "true");
    let runner = bed.runner(&fleet.broker.url, &sh(&script));
    let pids = runner.warns("  | ").await;
    let runner = runner.stop().await;
    assert_eq!(runner.code(), 1, "{runner:#?}");
    for pid in pids.trim_start_matches("  | ").split(' ') {
        assert!(!lives(pid), "what the build has started lives on: {pids}");
    }
    let said = summary(&runner);
    assert_eq!((&said["exitCode"], &said["acknowledged"]), (&Value::Null, &said["events"]));
    fleet.stop().await;

    let last = "SELECT type || ' ' || data FROM generation_events ORDER BY seq DESC LIMIT 1";
    let reason = r#"build-failed {"exitCode":null,"reason":"the runner was told to stop"}"#;
    assert_eq!(bed.database().rows(last).await, [reason]);
    let events = said["events"].as_u64().unwrap();
    assert_eq!(bed.database().numbers().await, (1..=events).collect::<Vec<_>>());
    let session = "SELECT json_array(status, exit_code) FROM generation_sessions";
    assert_eq!(bed.database().rows(session).await, [r#"["failed",null]"#]);
    let spans = bed.spans();
    assert!(Traces::group(&spans).iter().all(|trace| trace.is_one_tree()));
    drop(gate);
}

#[tokio::test]
async fn services_export_their_last_spans_when_they_are_told_to_stop() {
    let bed = Bed::new().await;
    let late = |service: &str| {
        let mut command = bed.command(service);
        // Nothing leaves before the end.
        command.env("OTEL_BSP_SCHEDULE_DELAY", "3600000");
        command
    };
    let persistence = Service::start("persistence", &mut late("persistence")).await;
    let api = Service::start("api", late("api").args(["--bus", &persistence.url])).await;
    let broker = Service::start("broker", late("broker").args(["--event-target", &api.url])).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    socket.send_event(&event(1, "x")).await;
    assert_eq!(socket.answer().await, ack(1));
    assert!(bed.spans().is_empty());
    for (service, spans) in [(broker, 2), (api, 3), (persistence, 10)] {
        let before = bed.spans().len();
        service.stop().await;
        assert!(bed.spans().len() - before >= spans, "{:#?}", names(&bed.spans()));
    }
    let spans = bed.spans();
    assert!(Traces::group(&spans).iter().all(|trace| trace.is_one_tree()));
}

#[tokio::test]
async fn a_broker_that_stops_acknowledges_what_it_has_taken_and_says_goodbye() {
    let bed = Bed::new().await;
    let fleet = bed.fleet_in_process().await;
    let mut socket = Socket::acknowledged(&fleet.broker.url).await;
    for seq in 1..=20 {
        socket.send_event(&event(seq, "x")).await;
    }
    assert_eq!(socket.answer().await, ack(1));
    fleet.broker.process.signal(nix::sys::signal::Signal::SIGTERM);
    let mut last = 1;
    let goodbye = loop {
        match socket.next().await {
            Message::Close(frame) => break frame.unwrap(),
            message => {
                last += 1;
                let answer: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
                assert_eq!(answer, ack(last));
            }
        }
    };
    assert_eq!((u16::from(goodbye.code), goodbye.reason.as_str()), (1001, "the broker stops"));
    fleet.broker.process.end().await.assert_success();
    fleet.api.stop().await;
    assert_eq!(bed.database().numbers().await, (1..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_idle_runner_and_an_open_page_keep_no_service_from_stopping() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let mut arguments = vec!["--on-command"];
    arguments.extend(sh("true"));
    let runner = bed.runner(&fleet.broker.url, &arguments);
    order(&fleet.broker.url, &[], "").await;
    runner.says("commandId").await;
    let persistence = &fleet.persistence.as_ref().unwrap().url;
    let mut page = Socket::open(&format!("{persistence}/ws"), &[]).await.unwrap();
    assert_eq!(page.answer().await["session"]["status"], "completed");
    fleet.stop().await;
    let Message::Close(Some(frame)) = page.next().await else { panic!("no goodbye") };
    assert_eq!(frame.reason.as_str(), "the service ends");
    runner.warns("reconnecting").await;
    runner.stop().await.assert_success();
}

#[tokio::test]
async fn a_runner_that_cannot_deliver_gives_up_after_its_deadline_and_says_what_is_left() {
    let bed = Bed::new().await;
    let stub = Stub::start().await;
    let runner = bed.runner(&stub.url(), &sh("echo one"));
    let mut session = stub.acknowledging().await;
    let first = session.event().await.unwrap();
    session.acknowledge(&first).await;
    while !session.event().await.unwrap().contains("build-completed") {}
    let runner = runner.stop().await;
    assert_eq!(runner.code(), 1);
    let said = summary(&runner);
    let left = said["events"].as_u64().unwrap() - 1;
    assert_eq!((&said["acknowledged"], &said["exitCode"]), (&json!(1), &json!(0)));
    assert!(runner.warned(&format!("{left} events were not acknowledged within")), "{runner:#?}");
}

#[tokio::test]
async fn a_runner_that_waits_for_room_can_be_stopped() {
    let bed = Bed::new().await;
    let stub = Stub::start().await;
    let lines = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done";
    let runner = bed.runner(&stub.url(), &sh(lines));
    let mut session = stub.acknowledging().await;
    // As many as a runner keeps.
    for _ in 0..1000 {
        session.event().await.unwrap();
    }
    let runner = runner.stop().await;
    assert_eq!(runner.code(), 1);
    assert!(runner.warned("events were not acknowledged within"), "{runner:#?}");
    assert_eq!(summary(&runner)["acknowledged"], 0);
}

#[tokio::test]
async fn a_runner_whose_command_says_no_more_can_be_stopped() {
    let bed = Bed::new().await;
    let gate = Gate::new(bed.folder());
    let fleet = bed.fleet_in_process().await;
    let script = gate.between("echo $$; exec >&- 2>&-", "true");
    let runner = bed.runner(&fleet.broker.url, &sh(&script));
    let pid = runner.warns("  | ").await;
    let runner = runner.stop().await;
    assert_eq!((runner.code(), &summary(&runner)["exitCode"]), (1, &Value::Null));
    assert!(!lives(pid.trim_start_matches("  | ")), "the command lives on");
    fleet.stop().await;
    drop(gate);
}

#[tokio::test]
async fn a_broker_without_an_api_stops_after_its_deadline_and_says_so() {
    let bed = Bed::new().await;
    let target = Target::start(|_| StatusCode::SERVICE_UNAVAILABLE).await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    socket.send_event(&event(1, "x")).await;
    broker.process.warns("the API did not take an event, again in").await;
    let broker = broker.stop().await;
    let said = "runners were cut off; they keep what is not acknowledged";
    assert!(broker.warned(said), "{broker:#?}");
}

#[tokio::test]
async fn an_api_that_waits_for_persistence_stops_after_its_deadline_and_says_so() {
    let bed = Bed::new().await;
    // It takes connections, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = bed.api(&format!("http://{}", silent.local_addr().unwrap())).await;
    let (url, authorization) =
        (format!("{}/api/runner/events", api.url), format!("Bearer {SECRET}"));
    let request = tokio::spawn(async move {
        post(&url, &[("authorization", &authorization)], event(1, "x").to_string()).await
    });
    let _held = within("a connection", silent.accept()).await.unwrap();
    let api = api.stop().await;
    assert!(api.warned("requests were cut off"), "{api:#?}");
    assert!(request.await.is_err(), "there was an answer");
}

#[tokio::test]
async fn an_open_page_sees_the_build_as_it_goes() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let persistence = fleet.persistence.as_ref().unwrap().url.clone();
    let mut page = Socket::open(&format!("{persistence}/ws"), &[]).await.unwrap();
    assert_eq!(page.answer().await["session"], Value::Null);
    let runner = bed.runner(&fleet.broker.url, &sh("echo '@todo add a Write it'; echo one"));
    let last = loop {
        let state = page.answer().await;
        assert!(state["_sentry"]["trace"].is_string(), "the page continues the trace: {state}");
        if state["session"]["status"] == "completed" {
            break state;
        }
    };
    runner.end().await.assert_success();
    assert_eq!(last["todos"][1]["content"], "Write it");
    assert_eq!(last["toolCalls"][0]["output"], "@todo add a Write it\none\n");
    fleet.stop().await;
    let parent = last["_sentry"]["trace"].as_str().unwrap();
    let spans = bed.spans();
    let broadcast = spans.iter().find(|span| parent.contains(&span.span_id)).unwrap();
    assert_eq!(
        (broadcast.name.as_str(), broadcast.attribute("subscribers")),
        ("broadcast", Some("1"))
    );
}
