//! The runner continues the trace of whoever asked for the build.

use serde_json::{Value, json};
use throughline_testkit::Traces;

use crate::harness::{Bed, SECRET, Target, only, order, post, sh, summary, traceparent};

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const SPAN: &str = "7ee0a9e8d4b3c2a1";
const BAGGAGE: &str =
    "sentry-trace_id=771a43a4192642f0b136d5159a501700,sentry-sample_rand=0.424242";

#[tokio::test]
async fn traceparent_in_the_environment_is_continued() {
    let traceparent = format!("00-{TRACE}-{SPAN}-01");
    continues(&[("TRACEPARENT", &traceparent)]).await;
}

#[tokio::test]
async fn sentry_trace_in_the_environment_is_continued() {
    let trace = format!("{TRACE}-{SPAN}-1");
    continues(&[("SENTRY_TRACE", &trace), ("SENTRY_BAGGAGE", BAGGAGE)]).await;
}

async fn continues(environment: &[(&str, &str)]) {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let runner = bed.runner_with(&broker.url, &sh("true"), environment).end().await;
    runner.assert_success();
    assert_eq!(summary(&runner)["traceId"], TRACE);
    let first = target.next_event().await;
    if environment.iter().any(|(name, _)| *name == "SENTRY_BAGGAGE") {
        assert_eq!(first.header("baggage"), Some(BAGGAGE));
    }
    broker.stop().await;
    let spans = bed.spans();
    assert!(spans.iter().all(|span| span.trace_id == TRACE));
    let root = only(&spans, "handleCommand.start-build");
    assert_eq!(root.parent_span_id.as_deref(), Some(SPAN));
}

#[tokio::test]
async fn the_command_finds_the_runners_span_in_its_environment() {
    let bed = Bed::new().await;
    let fleet = bed.fleet_in_process().await;
    let script = "echo $TRACEPARENT; echo $SENTRY_TRACE";
    let runner = bed.runner(&fleet.broker.url, &sh(script)).end().await;
    runner.assert_success();
    fleet.stop().await;
    let spans = bed.spans();
    let root = only(&spans, "handleCommand.start-build");
    let sentry = format!("{}-{}-1", root.trace_id, root.span_id);
    assert_eq!(bed.database().output().await, format!("{}\n{sentry}\n", traceparent(root, "03")));
}

#[tokio::test]
async fn a_command_by_http_is_one_trace_from_its_caller_to_the_database() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let mut arguments = vec!["--on-command"];
    arguments.extend(sh("echo one"));
    let runner = bed.runner(&fleet.broker.url, &arguments);
    let sentry = format!("{TRACE}-{SPAN}-1");
    let answer =
        order(&fleet.broker.url, &[("sentry-trace", &sentry)], r#"{"projectId":"shop"}"#).await;
    let said: Value = serde_json::from_str(&runner.says("commandId").await).unwrap();
    assert_eq!((&said["commandId"], &said["traceId"]), (&answer["commandId"], &json!(TRACE)));
    runner.stop().await.assert_success();
    fleet.stop().await;

    let query = "SELECT json_array(command_id, project_id, trace_id) FROM generation_sessions";
    let sessions = bed.database().rows(query).await;
    assert_eq!(sessions, [json!([answer["commandId"], "shop", TRACE]).to_string()]);
    // The answers before a runner was there are spans of the caller's trace too.
    let spans: Vec<_> = bed
        .spans()
        .into_iter()
        .filter(|span| span.attribute("http.response.status_code") != Some("503"))
        .collect();
    let server = only(&spans, "POST /api/commands");
    assert_eq!(server.parent_span_id.as_deref(), Some(SPAN));
    let command = only(&spans, "handleCommand.start-build");
    assert_eq!(command.parent_span_id.as_ref(), Some(&server.span_id));
    let traces = Traces::group(&spans);
    let trace = traces.get(TRACE).unwrap();
    assert_eq!(trace.orphans().len(), 1, "only the caller's own span is not here");
    assert_eq!((trace.roots().len(), trace.services().len()), (0, 4));
}

#[tokio::test]
async fn a_runner_takes_one_command_after_the_other_each_in_its_own_trace() {
    let bed = Bed::new().await;
    let fleet = bed.fleet_in_process().await;
    let mut arguments = vec!["--on-command"];
    arguments.extend(sh("exit 3"));
    let runner = bed.runner(&fleet.broker.url, &arguments);
    for n in 1..=2 {
        let sentry = format!("{n:032}-{SPAN}-1");
        order(&fleet.broker.url, &[("sentry-trace", &sentry)], "").await;
        let said = runner.says(&format!("\"traceId\":\"{n:032}\"")).await;
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((&said["exitCode"], &said["acknowledged"]), (&json!(3), &said["events"]));
    }
    runner.stop().await.assert_success();
    fleet.stop().await;
    let statuses = bed.database().rows("SELECT status FROM generation_sessions").await;
    assert_eq!(statuses, ["failed", "failed"]);
}

#[tokio::test]
async fn a_command_that_no_runner_can_take_is_refused_with_what_to_do() {
    let bed = Bed::new().await;
    let target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let authorization = format!("Bearer {SECRET}");
    let headers = [("authorization", authorization.as_str())];
    let url = format!("{}/api/commands", broker.url);
    let answer = post(&url, &headers, "").await;
    assert_eq!(answer.refusal(), (503, "unavailable"));
    assert!(answer.body["reason"].as_str().unwrap().contains("--on-command"), "{answer:?}");
    assert_eq!(post(&url, &headers, "[1").await.refusal(), (422, "bad_data"));
    assert_eq!(post(&url, &headers, r#"{"steps":[]}"#).await.refusal(), (422, "bad_data"));
    broker.stop().await;
}
