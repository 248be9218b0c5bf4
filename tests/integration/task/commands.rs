//! Real child processes, which say what they were started with.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use opentelemetry::trace::{TraceContextExt, Tracer};
use throughline::otel::{ContextExt, ContextFuture};
use throughline::propagation::{Environment, Propagator};
use throughline::task::{CommandExt, from_environment};

use super::{CALLER, TRACE_ID, caller, is_of_caller, tracer};
use crate::checked_spans::CheckedSpans;

/// A test of this binary, to be run in a process of its own: see [`REPORT`].
const CHILD: &str = "task::commands::a_process_starts_in_the_context_of_its_environment";

/// Tells the test that it is the child, and has to print what it sees.
const REPORT: &str = "THROUGHLINE_TEST_REPORT";

fn all() -> Propagator {
    Propagator::default().forward_baggage(true)
}

/// The names of ours in the child's environment, with their values.
fn variables(output: &Output) -> BTreeMap<String, String> {
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let known = |name: &str| Environment::NAMES.contains(&name);
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(name, _)| known(name)).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

fn shell(script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]);
    shell
}

#[tokio::test]
async fn a_child_of_either_kind_is_told_the_current_span_and_all_that_came_in() {
    let spans = CheckedSpans::new();
    let cx = caller().with_span(tracer(&spans).start_with_context("build", &caller()));
    let span = cx.span().span_context().span_id();
    let parent = format!("{TRACE_ID}-{span}");
    let started = async {
        let std = shell("env").traced(&all()).output().unwrap();
        let tokio = tokio::process::Command::new("env").traced(&all()).output().await.unwrap();
        [variables(&std), variables(&tokio)]
    };
    for seen in started.in_context(cx).await {
        let value = |name: &str| seen.get(name).map(String::as_str);
        assert_eq!(value("TRACEPARENT"), Some(format!("00-{parent}-01").as_str()));
        assert_eq!(value("TRACESTATE"), Some("v=1"));
        assert_eq!(value("SENTRY_TRACE"), Some(format!("{parent}-1").as_str()));
        let baggage = value("BAGGAGE").unwrap();
        assert!(baggage.contains("tenant=7") && baggage.contains("sentry-release=shop%401"));
        assert_eq!(value("SENTRY_BAGGAGE"), Some(baggage));
    }
}

#[test]
fn tp_9_a_command_without_a_trace_is_told_none() {
    let mut command = shell("env");
    for name in ["TRACEPARENT", "TRACESTATE", "SENTRY_TRACE"] {
        command.env(name, "stale=1");
    }
    assert_eq!(variables(&command.output().unwrap()).len(), 3, "the probe works");
    assert!(variables(&command.traced(&all()).output().unwrap()).is_empty());
}

#[test]
fn bg_11_baggage_that_a_command_was_given_is_added_to() {
    let _current = caller().attach();
    let mut command = shell("env");
    command.env("BAGGAGE", "shift=night").env("KEPT", "1").env("TRACEPARENT", "stale");
    let output = command.traced(&all()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("KEPT=1"));
    let seen = variables(&output);
    let members: Vec<_> = seen["BAGGAGE"].split(',').collect();
    assert!(["shift=night", "tenant=7"].iter().all(|m| members.contains(m)), "{members:?}");
    assert_eq!(seen["TRACEPARENT"], format!("00-{TRACE_ID}-{CALLER}-01"));
}

#[test]
fn a_process_starts_in_the_context_of_its_environment() {
    if std::env::var_os(REPORT).is_some() {
        report();
        return;
    }
    let told = child(|command| _ = command.traced(&all()));
    assert_eq!(told, ["callers false", "empty true", "untraced 0", "traced 0"]);
    let _current = caller().attach();
    let told = child(|command| _ = command.traced(&all()));
    // What it was started with would reach its own children, though nothing is current (rule TP-9).
    assert_eq!(told, ["callers true", "empty false", "untraced 5", "traced 0"]);
}

#[test]
fn an_environment_that_breaks_every_format_is_that_of_no_trace() {
    let told = child(|command| {
        for name in Environment::NAMES {
            command.env(name, "%ZZ=\u{7}");
        }
    });
    assert_eq!(told, ["callers false", "empty true", "untraced 5", "traced 0"]);
}

/// What a child of this binary says about itself.
fn child(prepare: impl FnOnce(&mut Command)) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", CHILD, "--nocapture"]).env(REPORT, "1");
    for name in Environment::NAMES {
        // Whoever runs the tests may be traced.
        command.env_remove(name);
    }
    prepare(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().filter_map(|line| line.strip_prefix(REPORT)).map(|l| l.trim().to_owned()).collect()
}

fn report() {
    // The runner of the tests has begun this line.
    println!();
    let started_in = from_environment(&all()).trace_context();
    println!("{REPORT} callers {}", is_of_caller(&started_in));
    println!("{REPORT} empty {}", started_in.is_empty());
    println!("{REPORT} untraced {}", variables(&shell("env").output().unwrap()).len());
    println!("{REPORT} traced {}", variables(&shell("env").traced(&all()).output().unwrap()).len());
}
