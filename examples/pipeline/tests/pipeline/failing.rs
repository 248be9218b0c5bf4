//! Builds that end badly.

use throughline_testkit::{Status, Traces};

use crate::harness::{Bed, Ended, only, sh, summary};

#[tokio::test]
async fn a_failing_command_is_reported_with_its_exit_code() {
    let (bed, runner) = failing(&sh("echo broken >&2; exit 3")).await;
    assert_eq!((runner.code(), summary(&runner)["exitCode"].as_i64()), (3, Some(3)));
    assert_eq!(session(&bed).await, [r#"["failed",3,1]"#]);
    let last = bed
        .database()
        .rows("SELECT type || ' ' || data FROM generation_events ORDER BY seq DESC LIMIT 1")
        .await;
    let reason = "sh ended with exit status: 3";
    assert_eq!(last, [format!(r#"build-failed {{"exitCode":3,"reason":"{reason}"}}"#)]);
    let rows = "SELECT json_array(state, exit_code, output) FROM generation_tool_calls";
    assert_eq!(bed.database().rows(rows).await, [r#"["failed",3,"broken\n"]"#]);
    let todos = bed.database().rows("SELECT status FROM generation_todos").await;
    assert_eq!(todos, ["failed"]);

    let spans = bed.spans();
    let root = only(&spans, "handleCommand.start-build");
    assert_eq!(root.status, Status::Error("the build ended with 3 exit code".into()));
    let end = only(&spans, "persistent-processor.finalizeSession.failed");
    assert_eq!(end.attribute("session.status"), Some("failed"));
    assert!(!end.is_error(), "the event itself went well");
}

#[tokio::test]
async fn a_command_that_cannot_start_is_reported_without_an_exit_code() {
    let (bed, runner) = failing(&["--", "no-such-program"]).await;
    assert_eq!((runner.code(), summary(&runner)["exitCode"].as_i64()), (1, None));
    assert!(runner.warned("no-such-program cannot be run"), "{runner:#?}");
    assert_eq!(session(&bed).await, [r#"["failed",null,1]"#]);
    let errors =
        bed.database().rows("SELECT data FROM generation_events WHERE type = 'error'").await;
    assert!(errors[0].contains("no-such-program cannot be run"), "{errors:?}");
}

#[tokio::test]
async fn a_command_that_a_signal_ends_is_reported_without_an_exit_code() {
    let (bed, runner) = failing(&sh("kill -9 $$")).await;
    assert_eq!((runner.code(), summary(&runner)["exitCode"].as_i64()), (1, None));
    assert_eq!(session(&bed).await, [r#"["failed",null,1]"#]);
}

/// Runs a build that fails; its trace is whole nevertheless.
async fn failing(arguments: &[&str]) -> (Bed, Ended) {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let runner = bed.runner(&fleet.broker.url, arguments).end().await;
    fleet.stop().await;
    let spans = bed.spans();
    let traces = Traces::group(&spans);
    assert!(traces.iter().all(|trace| trace.is_one_tree()));
    let events = summary(&runner)["events"].as_u64().unwrap();
    assert_eq!(bed.database().numbers().await, (1..=events).collect::<Vec<_>>());
    (bed, runner)
}

async fn session(bed: &Bed) -> Vec<String> {
    let query = "SELECT json_array(status, exit_code, final_seq = (SELECT max(seq) FROM
                 generation_events)) FROM generation_sessions";
    bed.database().rows(query).await
}
