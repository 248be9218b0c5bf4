//! Events that are none.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::harness::{Answer, Bed, SECRET, Socket, Target, ack, event, post};

/// Texts that are refused, with the names of the reasons.
fn refused() -> Vec<(String, &'static str)> {
    let whole = event(7, "x");
    let with = |field: &str, value: Value| {
        let mut event = whole.clone();
        event[field] = value;
        event.to_string()
    };
    vec![
        ("hello".to_owned(), "not_json"),
        ("{\"type\":\"build-stream\"".to_owned(), "not_json"),
        ("{}".to_owned(), "missing_field"),
        ("[]".to_owned(), "bad_data"),
        (with("commandId", Value::Null), "missing_field"),
        (with("type", json!("build-steam")), "unknown_type"),
        (with("data", json!("{\"type\":\"todo-write\",\"todos\":7}")), "bad_data"),
        (with("seq", json!(-1)), "bad_data"),
        (with("data", json!("x".repeat(1024 * 1024))), "too_large"),
    ]
}

#[tokio::test]
async fn the_broker_refuses_by_name_counts_and_stays_connected() {
    let bed = Bed::new().await;
    let fleet = bed.fleet_in_process().await;
    let mut socket = Socket::acknowledged(&fleet.broker.url).await;
    for (text, name) in refused() {
        socket.send(text).await;
        let answer = socket.answer().await;
        assert_eq!((&answer["type"], &answer["error"]), (&json!("refused"), &json!(name)));
        assert!(answer["reason"].is_string(), "{answer}");
        if name == "unknown_type" {
            let whose = (&answer["commandId"], &answer["seq"]);
            assert_eq!(whose, (&json!("c"), &json!(7)), "so that its sender can give it up");
        }
    }
    socket.send(Message::Binary(Bytes::from_static(b"\xff\x00"))).await;
    socket.send(Message::Ping(Bytes::from_static(b"alive"))).await;
    socket.send_event(&event(1, "good")).await;
    assert_eq!(socket.next().await, Message::Pong(Bytes::from_static(b"alive")));
    assert_eq!(socket.answer().await, ack(1));
    socket.close().await;
    fleet.stop().await;

    assert_eq!(bed.database().rows("SELECT output FROM generation_tool_calls").await, ["good"]);
    for name in ["not_json", "missing_field", "unknown_type", "bad_data", "too_large"] {
        let expected = refused().iter().filter(|(_, refused)| *refused == name).count();
        let counted = bed.counted("broker", "events.refused.total", "reason", name);
        assert_eq!(counted, expected as f64, "{name}");
    }
}

#[tokio::test]
async fn a_runner_without_acknowledgements_hears_nothing_of_its_bad_events() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::plain(&broker.url).await;
    for (text, _) in refused() {
        socket.send(text).await;
    }
    socket.send_event(&event(1, "good")).await;
    assert_eq!(target.next().await.json()["seq"], 1);
    socket.send(Message::Ping(Bytes::new())).await;
    assert_eq!(socket.next().await, Message::Pong(Bytes::new()));
    socket.close().await;
    let broker = broker.stop().await;
    assert!(broker.warned("an event was refused: the event is not JSON"), "{broker:#?}");
}

#[tokio::test]
async fn api_and_persistence_refuse_by_name() {
    let bed = Bed::new().await;
    let persistence = bed.persistence().await;
    let api = bed.api(&persistence.url).await;
    let authorization = format!("Bearer {SECRET}");
    let known = [("authorization", authorization.as_str())];
    for url in [format!("{}/api/runner/events", api.url), format!("{}/events", persistence.url)] {
        let good = event(1, "x").to_string();
        for strange in [&[][..], &[("authorization", "Bearer x")], &[("authorization", "Basic x")]]
        {
            let answer: Answer = post(&url, strange, good.clone()).await;
            assert_eq!(answer.refusal(), (401, "unauthorized"), "{url}");
        }
        for (text, name) in refused() {
            let status = if name == "too_large" { 413 } else { 422 };
            let answer = post(&url, &known, text).await;
            assert_eq!(answer.refusal(), (status, name), "{url}");
            assert!(answer.body["reason"].is_string(), "{answer:?}");
        }
        let answer = post(&url, &known, &b"\xff\xfe"[..]).await;
        assert_eq!(answer.refusal(), (422, "not_json"));
        assert_eq!(post(&url, &known, good).await.status, 200);
    }
    api.stop().await;
    persistence.stop().await;
    assert_eq!(bed.database().numbers().await, [1]);
    for service in ["api", "persistence"] {
        let counted = bed.counted(service, "events.refused.total", "reason", "unauthorized");
        assert_eq!(counted, 3.0, "{service}");
    }
}

#[tokio::test]
async fn a_message_beyond_every_bound_ends_its_connection_only() {
    let bed = Bed::new().await;
    let target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let mut other = Socket::acknowledged(&broker.url).await;
    let huge = Socket::acknowledged(&broker.url).await;
    huge.send_and_lose(vec![b' '; 5 * 1024 * 1024]).await;
    other.send_event(&event(1, "x")).await;
    assert_eq!(other.answer().await, ack(1));
    other.close().await;
    let ended = broker.stop().await;
    assert!(ended.warned("its message is longer than 4194304 bytes"), "{ended:#?}");
    assert_eq!(bed.counted("broker", "events.refused.total", "reason", "too_large"), 1.0);
}

#[tokio::test]
async fn an_event_that_the_api_refuses_is_refused_to_the_runner() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let mut socket = Socket::acknowledged(&fleet.broker.url).await;
    let mut taken = event(1, "x");
    taken["sessionId"] = json!("s");
    let mut conflict = taken.clone();
    conflict["commandId"] = json!("other");
    socket.send_event(&taken).await;
    assert_eq!(socket.answer().await, ack(1));
    socket.send_event(&conflict).await;
    let answer = socket.answer().await;
    assert_eq!(
        (&answer["error"], &answer["commandId"]),
        (&json!("session_conflict"), &json!("other"))
    );
    socket.send_event(&event(2, "y")).await;
    assert_eq!(socket.answer().await, ack(2));
    socket.close().await;
    fleet.stop().await;
    assert_eq!(bed.database().numbers().await, [1, 2]);
}
