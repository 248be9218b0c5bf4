use serde_json::{Value, json};

use super::*;
use crate::event::EventType;
use crate::limits::MAX_OUTPUT_CHARS;

const TODOS: &str =
    "SELECT todo_id || ' ' || content || ' ' || status FROM generation_todos ORDER BY position";
const OUTPUT: &str = "SELECT output FROM generation_tool_calls";
const SESSION: &str = "SELECT status || ' ' || ifnull(exit_code, '-') || ' ' || \
    (finished_at_ms IS NOT NULL) FROM generation_sessions";
const LEDGER: &str = "SELECT seq || ' ' || type FROM generation_events ORDER BY seq";

#[tokio::test]
async fn a_whole_build_is_in_the_tables() {
    let bed = Bed::new().await;
    use TodoStatus::{Completed, InProgress, Pending};
    bed.stream(1, &todos(&[("b", "Build", InProgress), ("a", "Test", Pending)])).await;
    bed.stream(2, &input("t")).await;
    bed.stream(3, &text("t", "one\n")).await;
    bed.stream(4, &text("t", "two\n")).await;
    assert_eq!(bed.value(SESSION).await, "running - 0");
    bed.stream(5, &output("t", 0)).await;
    bed.stream(6, &todos(&[("b", "Build", Completed)])).await;
    assert_eq!(bed.persist(&RunnerEvent::build_completed(ids(), 7, 0)).await, Outcome::Stored);

    assert_eq!(bed.rows(TODOS).await, ["b Build completed", "a Test pending"]);
    assert_eq!(
        bed.value(
            "SELECT tool_call_id || ' ' || name || ' ' || input || ' ' || output || exit_code \
             || ' ' || state || ' ' || seq FROM generation_tool_calls"
        )
        .await,
        "t cargo {\"args\":[\"build\"]} one\ntwo\n0 completed 5"
    );
    assert_eq!(bed.value(SESSION).await, "completed 0 1");
    assert_eq!(
        bed.value("SELECT id || project_id || command_id FROM generation_sessions").await,
        "spc"
    );
    assert_eq!(bed.rows(LEDGER).await.len(), 7);
    assert_eq!(bed.rows(LEDGER).await[6], "7 build-completed");
}

#[tokio::test]
async fn raw_state_agrees_with_the_rows_after_every_event() {
    let bed = Bed::new().await;
    bed.stream(1, &input("t")).await;
    bed.stream(2, &text("t", "x")).await;
    bed.stream(3, &todos(&[("a", "Test", TodoStatus::Failed)])).await;
    let raw: Value =
        serde_json::from_str(&bed.value("SELECT raw_state FROM generation_sessions").await)
            .expect("JSON");
    assert_eq!(
        raw,
        json!({
            "todos": [{"id": "a", "content": "Test", "status": "failed"}],
            "toolCalls": [{
                "id": "t", "name": "cargo", "input": "{\"args\":[\"build\"]}", "output": "x",
                "omittedChars": 0, "exitCode": null, "state": "running"
            }],
        })
    );
}

#[tokio::test]
async fn a_resent_event_has_no_second_effect() {
    let bed = Bed::new().await;
    assert_eq!(bed.stream(1, &text("t", "once")).await, Outcome::Stored);
    assert_eq!(bed.stream(1, &text("t", "once")).await, Outcome::Duplicate);
    assert_eq!(bed.value(OUTPUT).await, "once");
    assert_eq!(bed.rows(LEDGER).await, ["1 build-stream"]);
}

#[tokio::test]
async fn the_same_number_in_another_command_is_another_event() {
    let bed = Bed::new().await;
    bed.stream(1, &input("t")).await;
    let other = EventIds { command_id: "d".into(), session_id: None, ..ids() };
    let event = RunnerEvent::build_stream(other, 1, &input("t"));
    assert_eq!(bed.persist(&event).await, Outcome::Stored);
    assert_eq!(bed.rows("SELECT id FROM generation_sessions ORDER BY id").await, ["d", "s"]);
}

#[tokio::test]
async fn late_events_fill_gaps_and_undo_nothing() {
    let bed = Bed::new().await;
    use TodoStatus::{Completed, Pending};
    bed.stream(9, &todos(&[("a", "New", Completed)])).await;
    bed.stream(2, &todos(&[("a", "Old", Pending), ("b", "Gap", Pending)])).await;
    assert_eq!(bed.rows(TODOS).await, ["a New completed", "b Gap pending"]);

    bed.stream(8, &output("t", 0)).await;
    bed.stream(7, &output("t", 1)).await;
    bed.stream(5, &text("t", "second ")).await;
    bed.stream(6, &text("t", "third")).await;
    bed.stream(4, &text("t", "first ")).await;
    bed.stream(3, &input("t")).await;
    assert_eq!(
        bed.value(
            "SELECT name || ' ' || output || ' ' || output_chars || ' ' || state || ' ' || \
             exit_code || ' ' || first_seq || ' ' || seq FROM generation_tool_calls"
        )
        .await,
        "cargo first second third 18 completed 0 3 8"
    );

    bed.persist(&RunnerEvent::build_failed(ids(), 12, Some(101), "test")).await;
    bed.persist(&RunnerEvent::build_completed(ids(), 11, 0)).await;
    bed.stream(10, &text("t", "!")).await;
    assert_eq!(bed.value(SESSION).await, "failed 101 1");
    assert_eq!(bed.value(OUTPUT).await, "first second third!");
}

#[tokio::test]
async fn late_text_stays_with_its_own_tool_call() {
    let bed = Bed::new().await;
    bed.stream(3, &text("t", "3")).await;
    bed.stream(2, &text("u", "2")).await;
    bed.stream(1, &text("t", "1")).await;
    let outputs = "SELECT tool_call_id || output FROM generation_tool_calls ORDER BY tool_call_id";
    assert_eq!(bed.rows(outputs).await, ["t13", "u2"]);
}

#[tokio::test]
async fn the_end_of_long_output_is_kept_and_the_rest_is_counted() {
    let bed = Bed::new().await;
    let half = "é".repeat(MAX_OUTPUT_CHARS as usize / 2);
    bed.stream(2, &text("t", &half)).await;
    bed.stream(3, &text("t", &half)).await;
    bed.stream(4, &text("t", "end")).await;
    let kept = "SELECT length(output) || ' ' || output_chars || ' ' || substr(output, -4) \
        FROM generation_tool_calls";
    let expected = format!("{MAX_OUTPUT_CHARS} {} éend", MAX_OUTPUT_CHARS + 3);
    assert_eq!(bed.value(kept).await, expected);

    bed.stream(1, &text("t", "start")).await;
    let expected = format!("{MAX_OUTPUT_CHARS} {} éend", MAX_OUTPUT_CHARS + 8);
    assert_eq!(bed.value(kept).await, expected);
    let state = bed.value("SELECT raw_state FROM generation_sessions").await;
    let state: Value = serde_json::from_str(&state).expect("JSON");
    let shown = state["toolCalls"][0]["output"].as_str().expect("text").chars().count();
    let omitted = state["toolCalls"][0]["omittedChars"].as_u64().expect("number");
    assert_eq!(shown as u64 + omitted, u64::from(MAX_OUTPUT_CHARS) + 8);
}

#[tokio::test]
async fn a_nul_does_not_cut_off_what_follows_it() {
    let bed = Bed::new().await;
    bed.stream(1, &text("t", "a\0b")).await;
    bed.stream(2, &text("t", "c")).await;
    bed.stream(3, &todos(&[("a\u{2028}", "x\0y", TodoStatus::Pending)])).await;
    assert_eq!(bed.value(OUTPUT).await, "a\u{fffd}bc");
    assert_eq!(bed.rows(TODOS).await, ["a\u{2028} x\u{fffd}y pending"]);
}

#[tokio::test]
async fn values_are_never_taken_for_sql() {
    let bed = Bed::new().await;
    let nasty = "'); DROP TABLE generation_todos; --";
    let event = EventIds { session_id: None, command_id: nasty.into(), project_id: nasty.into() };
    let event = RunnerEvent::build_stream(event, 1, &todos(&[(nasty, nasty, TodoStatus::Failed)]));
    bed.persist(&event).await;
    assert_eq!(bed.rows(TODOS).await, [format!("{nasty} {nasty} failed")]);
}

#[tokio::test]
async fn events_without_effect_are_in_the_ledger_as_they_came() {
    let bed = Bed::new().await;
    let data = r#"{ "type": "text-start", "b": 1.50, "a": [] }"#;
    let wire = json!({"type": "build-stream", "seq": 1, "projectId": "p", "commandId": "c",
        "data": data});
    bed.persist(&RunnerEvent::parse(&wire.to_string()).expect("event")).await;
    for (seq, kind) in [
        (2, EventType::Error),
        (3, EventType::ProjectMetadata),
        (4, EventType::FilesDeleted),
        (5, EventType::FileWritten),
    ] {
        let event = RunnerEvent::with_json(kind, ids(), seq, &json!(["x"])).expect("event");
        assert_eq!(bed.persist(&event).await, Outcome::Stored);
    }
    assert_eq!(bed.value("SELECT data FROM generation_events WHERE seq = 1").await, data);
    assert_eq!(
        bed.rows(LEDGER).await[1..],
        ["2 error", "3 project-metadata", "4 files-deleted", "5 file-written"]
    );
    // The first event decided the id of the session: it named none.
    assert_eq!(bed.value("SELECT id || status FROM generation_sessions").await, "crunning");
}

#[tokio::test]
async fn heartbeats_leave_no_row_and_no_span() {
    let bed = Bed::new().await;
    assert_eq!(bed.persist(&RunnerEvent::heartbeat()).await, Outcome::Ignored);
    assert!(bed.rows("SELECT id FROM generation_sessions").await.is_empty());
    assert!(bed.spans.finished().is_empty());
}

#[tokio::test]
async fn a_session_of_another_command_is_a_conflict_that_leaves_nothing_behind() {
    let bed = Bed::new().await;
    bed.stream(1, &input("t")).await;
    let thief = EventIds { command_id: "d".into(), ..ids() };
    let event = RunnerEvent::build_stream(thief, 1, &input("u"));
    let error = bed.persistence.persist(&event).await.expect_err("conflict");
    assert_eq!((error.name(), error.is_retryable()), ("session_conflict", false));
    assert_eq!(bed.rows(LEDGER).await, ["1 build-stream"]);
    assert_eq!(bed.stream(2, &input("t")).await, Outcome::Stored);
}

#[tokio::test]
async fn concurrent_writers_store_every_event_once() {
    let bed = Bed::new().await;
    let writers: Vec<_> = (0..10_u64)
        .map(|writer| {
            let persistence = Arc::clone(&bed.persistence);
            tokio::spawn(async move {
                let mut stored = 0;
                // Each number is offered by two writers.
                for seq in (1..=40).filter(|seq| seq % 5 == writer % 5) {
                    let event = RunnerEvent::build_stream(ids(), seq, &text("t", "."));
                    let outcome = persistence.persist(&event).await.expect("stored");
                    stored += u32::from(outcome == Outcome::Stored);
                }
                stored
            })
        })
        .collect();
    let mut stored = 0;
    for writer in writers {
        stored += writer.await.expect("writer");
    }
    assert_eq!(stored, 40);
    assert_eq!(bed.value(OUTPUT).await, ".".repeat(40));
    assert_eq!(bed.rows(LEDGER).await.len(), 40);
}

#[tokio::test]
async fn a_future_that_is_dropped_at_any_point_leaves_the_database_usable() {
    let bed = Bed::new().await;
    for seq in 1..=60 {
        let event = RunnerEvent::build_stream(ids(), seq, &text("t", "."));
        let yields = async {
            for _ in 0..seq {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = bed.persistence.persist(&event) => {}
            () = yields => {}
        }
        // The sender has no answer, so it sends again.
        bed.persist(&event).await;
    }
    assert_eq!(bed.value(OUTPUT).await, ".".repeat(60));
    assert_eq!(bed.rows(LEDGER).await.len(), 60);
}

#[tokio::test]
async fn an_event_without_a_number_gets_the_next_one() {
    let bed = Bed::new().await;
    bed.stream(7, &text("t", "numbered")).await;
    let text = r#"{"type":"error","projectId":"p","commandId":"c","data":{}}"#;
    let unnumbered = RunnerEvent::parse(text).expect("event");
    assert_eq!(bed.persist(&unnumbered).await, Outcome::Stored);
    assert_eq!(bed.persist(&unnumbered).await, Outcome::Stored);
    assert_eq!(
        bed.rows("SELECT CAST(seq AS TEXT) FROM generation_events ORDER BY seq").await,
        ["7", "281474976710656", "281474976710657"]
    );
    // The sender's own numbers stay free.
    bed.stream(8, &input("t")).await;
    assert_eq!(bed.value("SELECT type FROM generation_events WHERE seq = 8").await, "build-stream");
}
