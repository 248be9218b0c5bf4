//! The one command that a newcomer runs.

use crate::harness::{Bed, Ended, Gate, Nats, Process, lives, sh};

#[tokio::test]
async fn the_demo_ends_with_one_unbroken_trace() {
    let nats = Nats::start().await;
    for bus in ["http", "inprocess", nats.server_url()] {
        let bed = Bed::new().await;
        let mut arguments = vec!["--bus", bus];
        arguments.extend(sh("echo one; echo two >&2"));
        let demo = bed.demo(&arguments).end().await;
        demo.assert_success();
        let last = LastLine::of(&demo);
        assert_eq!((last.services, last.orphans), (4, 0), "{demo:#?}");

        let tree = tree(&demo);
        assert!(tree[0].starts_with("runner       handleCommand.start-build"), "{tree:#?}");
        assert!(tree.len() < last.spans, "repeated sub-trees are folded: {tree:#?}");
        assert!(tree.iter().any(|line| line.contains('×')));
        let events = bed.database().numbers().await.len();
        let said = format!("events: {events} sent, {events} in {}", bed.database().url());
        assert!(demo.stdout.contains(&said), "{demo:#?}");
        let commits = format!("of {events} events");
        let commits =
            |line: &&String| line.starts_with("send to commit: p50 ") && line.ends_with(&commits);
        assert!(demo.stdout.iter().any(|line| commits(&line)), "{demo:#?}");
    }
}

#[tokio::test]
async fn the_full_tree_has_a_line_per_span() {
    let bed = Bed::new().await;
    let mut arguments = vec!["--full"];
    arguments.extend(sh("echo one"));
    let demo = bed.demo(&arguments).end().await;
    demo.assert_success();
    let tree = tree(&demo);
    assert_eq!(tree.len(), LastLine::of(&demo).spans);
    assert!(!tree.iter().any(|line| line.contains('×')));
    let count = |service: &str| tree.iter().filter(|line| line.starts_with(service)).count();
    let events = bed.database().numbers().await.len();
    assert_eq!((count("runner "), count("broker ")), (events + 1, 2 * events));
}

#[tokio::test]
async fn a_database_that_is_not_named_is_a_fresh_file() {
    let bed = Bed::new().await;
    let mut command = bed.program();
    command.arg("demo").args(sh("true"));
    let demo = Process::spawn_leader("demo", &mut command).end().await;
    demo.assert_success();
    let line = demo.stdout.iter().find(|line| line.starts_with("events: ")).unwrap();
    let file = line.split("sqlite:").nth(1).unwrap();
    assert!(std::path::Path::new(file).is_file(), "{line}");
    assert!(std::path::Path::new(file).starts_with(bed.folder()), "{line}");
}

#[tokio::test]
async fn a_failed_build_is_no_failure_of_the_demo() {
    let bed = Bed::new().await;
    let demo = bed.demo(&sh("echo broken; exit 7")).end().await;
    demo.assert_success();
    assert!(demo.warned("the build itself failed with exit code 7"), "{demo:#?}");
    let last = LastLine::of(&demo);
    assert_eq!((last.services, last.orphans), (4, 0), "{demo:#?}");
    assert!(tree(&demo)[0].ends_with("ERROR"), "{demo:#?}");
}

#[tokio::test]
async fn a_demo_that_is_stopped_leaves_nothing_running() {
    let bed = Bed::new().await;
    let gate = Gate::new(bed.folder());
    let script = gate.between("echo the command is $$", "true");
    let demo = bed.demo(&sh(&script));
    let line = demo.warns("| the command is").await;
    let ended = demo.stop().await;
    assert_ne!(ended.code(), 0, "{ended:#?}");
    let pid = line.rsplit(' ').next().unwrap();
    assert!(!lives(pid), "the command outlived the demo: {ended:#?}");
    drop(gate);
}

#[tokio::test]
async fn a_service_that_cannot_start_ends_the_demo_with_the_reason() {
    let bed = Bed::new().await;
    let mut command = bed.program();
    command.args(["demo", "--database", "sqlite:no/such/folder/x.sqlite", "--", "true"]);
    let demo = Process::spawn_leader("demo", &mut command).end().await;
    assert_eq!(demo.code(), 1, "{demo:#?}");
    assert!(demo.warned("the database file cannot be opened"), "{demo:#?}");
    assert!(demo.warned("persistence ended before it was ready"), "{demo:#?}");
}

#[tokio::test]
async fn events_survive_the_kill_of_the_broker() {
    survives_the_kill_of("broker", "http").await;
}

#[tokio::test]
async fn events_survive_the_kill_of_the_api() {
    survives_the_kill_of("api", "http").await;
}

#[tokio::test]
async fn events_survive_the_kill_of_persistence() {
    survives_the_kill_of("persistence", "http").await;
}

#[tokio::test]
async fn events_survive_the_kill_of_either_side_of_the_stream() {
    let nats = Nats::start().await;
    for service in ["api", "persistence"] {
        survives_the_kill_of(service, nats.server_url()).await;
    }
}

/// The script does not end before the kill, so that it is in mid-run on a machine of any speed.
async fn survives_the_kill_of(service: &str, bus: &str) {
    let bed = Bed::new().await;
    let mut gate = Gate::new(bed.folder());
    let lines = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; done";
    let script = gate.between(lines, "echo line 301");
    let mut arguments = vec!["--full", "--kill", service, "--bus", bus];
    arguments.extend(sh(&script));
    let demo = bed.demo(&arguments);
    demo.warns(&format!("killing {service} and starting it again")).await;
    gate.open().await;
    let demo = demo.end().await;
    demo.assert_success();

    let database = bed.database();
    let numbers = database.numbers().await;
    let events = numbers.len();
    assert_eq!(numbers, (1..=events as u64).collect::<Vec<_>>());
    let written: String = (1..=301).map(|line| format!("line {line}\n")).collect();
    assert_eq!(database.output().await, written, "every line once, in its order");
    let sessions =
        database.rows("SELECT json_array(status, exit_code) FROM generation_sessions").await;
    assert_eq!(sessions, [r#"["completed",0]"#]);

    let tree = tree(&demo);
    let sent = tree.iter().filter(|line| line.contains(" runner.sendEvent.")).count();
    assert_eq!(sent, events, "every event has its span in the one trace that is shown");
    let missing = tree.iter().filter(|line| line.contains("(parent missing)")).count();
    let last = LastLine::of(&demo);
    assert_eq!(last.orphans, missing);
    assert_eq!(last.services, 4);
    let said = match missing {
        0 => format!("no parent is missing: {service} had exported all before it was killed"),
        1 => format!("1 parent is missing: {service} was killed before it had exported it"),
        _ => {
            format!(
                "{missing} parents are missing: {service} was killed before it had exported them"
            )
        }
    };
    assert!(demo.stdout.contains(&said), "{said}");
}

/// The lines of the tree: everything up to the first empty line.
fn tree(demo: &Ended) -> Vec<&str> {
    demo.stdout.iter().map(String::as_str).take_while(|line| !line.is_empty()).collect()
}

/// `trace <id>: N spans, M services, K orphans`.
struct LastLine {
    spans: usize,
    services: usize,
    orphans: usize,
}

impl LastLine {
    #[track_caller]
    fn of(demo: &Ended) -> Self {
        let line = demo.stdout.last().unwrap();
        let (id, counts) = line.strip_prefix("trace ").unwrap().split_once(": ").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
        let mut counts = counts.split(", ");
        let mut count = |unit: &str| {
            let count =
                counts.next().unwrap().strip_suffix(unit).unwrap_or_else(|| panic!("{line}"));
            count.trim_end().parse().unwrap()
        };
        let last =
            Self { spans: count("spans"), services: count("services"), orphans: count("orphans") };
        assert!(counts.next().is_none(), "{line}");
        last
    }
}

#[test]
fn a_trace_that_breaks_at_every_hop_is_a_failure() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pipeline"))
        .args(["demo", "--", "true"])
        .env("OTEL_PROPAGATORS", "none")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the trace does not reach broker, api, persistence"), "{said}");
    assert!(said.contains("are in another trace"), "{said}");
}

#[test]
fn a_build_that_ends_before_the_kill_is_a_failure() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pipeline"))
        .args(["demo", "--kill", "broker", "--", "true"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
}
