//! What a newcomer reads, and what a mistake is answered with.

use crate::harness::{Bed, Ended, Process, Service, Target, sh};

#[tokio::test]
async fn the_help_of_each_command_names_its_flags_and_variables() {
    let service = ["--listen", "[env: LISTEN=]", "--shared-secret", "[env: SHARED_SECRET"];
    let runner = [
        "--broker-url",
        "[env: BROKER_URL=]",
        "--shared-secret",
        "--plan",
        "--on-command",
        "[-- <COMMAND>...]",
    ];
    let bus = ["--bus", "[env: BUS]", "nats://", "--database", "[env: DATABASE_URL="];
    let broker = ["--event-target", "[env: EVENT_TARGET=]"];
    let demo = [
        "--full",
        "--bus",
        "--database",
        "--kill",
        "--stay",
        "[-- <COMMAND>...]",
        "inprocess",
        "broker, api, persistence",
    ];
    let top = ["demo", "runner", "broker", "api", "persistence", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    let cases = [
        (vec!["--help"], top.to_vec()),
        (vec!["demo", "--help"], demo.to_vec()),
        (vec!["runner", "--help"], runner.to_vec()),
        (vec!["broker", "--help"], [&service[..], &broker].concat()),
        (vec!["api", "--help"], [&service[..], &bus].concat()),
        (vec!["persistence", "--help"], [&service[..], &bus].concat()),
    ];
    let bed = Bed::new().await;
    for (arguments, words) in cases {
        let ended = run(&bed, &arguments, &[]).await;
        ended.assert_success();
        let help = ended.stdout.join("\n");
        let words_of_help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(
                words_of_help.contains(word),
                "{word} is not in the help of {arguments:?}:\n{help}"
            );
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}

#[tokio::test]
async fn the_help_shows_no_secret() {
    let bed = Bed::new().await;
    for service in ["runner", "broker", "api", "persistence"] {
        let ended = run(&bed, &[service, "--help"], &[("SHARED_SECRET", "s3cret")]).await;
        ended.assert_success();
        assert!(!ended.stdout.join("\n").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_bad_command_line_is_refused_with_what_is_allowed() {
    let bed = Bed::new().await;
    for (arguments, reason) in [
        (&["deploy"][..], "unrecognized subcommand"),
        (&["demo", "--kill", "runner"], "[possible values: broker, api, persistence]"),
        (&["demo", "--bus", "nats"], "expected inprocess, the http:// address"),
        (&["runner"], "--broker-url <URL>"),
        (
            &["runner", "--broker-url", "ws://x", "--plan", "x.toml", "--", "true"],
            "cannot be used with",
        ),
        (&["broker", "--event-target", "http://x"], "--shared-secret <SECRET>"),
        (&["broker", "--shared-secret", "x"], "--event-target <URL>"),
        (
            &["broker", "--event-target", "http://x", "--shared-secret", "x", "--listen", "here"],
            "--listen <HOST:PORT>",
        ),
        (
            &["api", "--shared-secret", "x", "--bus", "ftp://x"],
            "expected inprocess, the http:// address of persistence, or nats://",
        ),
        (&["api", "--shared-secret", "x", "--bus", "nats://"], "expected nats://host:port"),
        (
            &["persistence", "--shared-secret", "x", "--bus", "nats://x/a.b"],
            "with a name of letters",
        ),
    ] {
        let ended = run(&bed, arguments, &[]).await;
        assert_eq!(ended.code(), 2, "{arguments:?}: {ended:#?}");
        assert!(ended.stderr.join("\n").contains(reason), "{arguments:?}: {ended:#?}");
    }
}

#[tokio::test]
async fn a_setting_that_cannot_work_is_refused_at_the_start() {
    let bed = Bed::new().await;
    for (arguments, reason) in [
        (&["runner", "--broker-url", "http://x"][..], "the broker's address must begin with ws://"),
        (
            &["runner", "--broker-url", "ws://x", "--plan", "no.toml"],
            "the plan no.toml cannot be read",
        ),
        (
            &["broker", "--event-target", "https://x", "--shared-secret", "x"],
            "must begin with http://",
        ),
        (
            &["api", "--shared-secret", "x", "--bus", "http"],
            "--bus needs the address of persistence",
        ),
        (
            &["api", "--shared-secret", "x", "--database", "postgres://x"],
            "give the database as sqlite:<path>",
        ),
        (
            &["persistence", "--shared-secret", "x", "--database", "sqlite::memory:"],
            "must be a file",
        ),
        (&["persistence", "--shared-secret", "x", "--bus", "inprocess"], "start `pipeline api`"),
        (&["demo", "--bus", "http://x", "--", "true"], "the demo starts persistence itself"),
        (
            &["api", "--shared-secret", "x", "--bus", "nats://ann:pass@127.0.0.1:1"],
            "no NATS server takes connections at 127.0.0.1:1: start one with `nats-server --jetstream`",
        ),
        (
            &["persistence", "--shared-secret", "x", "--bus", "nats://no-such-host.invalid"],
            "no NATS server takes connections at no-such-host.invalid:4222",
        ),
        (&["demo", "--bus", "nats://127.0.0.1:1", "--", "true"], "start one with `nats-server"),
    ] {
        let ended = run(&bed, arguments, &[]).await;
        assert_eq!(ended.code(), 1, "{arguments:?}: {ended:#?}");
        assert!(ended.stderr.join("\n").contains(reason), "{arguments:?}: {ended:#?}");
        assert!(!ended.warned("ann:pass"), "{ended:#?}");
    }
}

#[tokio::test]
async fn a_variable_that_names_what_does_not_exist_is_refused_with_what_does() {
    let bed = Bed::new().await;
    let arguments = ["api", "--shared-secret", "x"];
    for (name, value, reason) in [
        ("OTEL_PROPAGATORS", "tracecontext,smoke", "tracecontext"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "always_on"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not an address", "must be an http:// address"),
        ("LISTEN", "here", "--listen <HOST:PORT>"),
    ] {
        let ended = run(&bed, &arguments, &[(name, value)]).await;
        assert_ne!(ended.code(), 0, "{name}: {ended:#?}");
        assert!(ended.stderr.join("\n").contains(reason), "{name}: {ended:#?}");
    }
    let sampler = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
    let ended = run(&bed, &arguments, &sampler).await;
    assert!(ended.stderr.join("\n").contains("from 0 to 1"), "{ended:#?}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let bed = Bed::new().await;
    let target = Target::taking_all().await;
    let taken = target.url.trim_start_matches("http://");
    let arguments = ["api", "--shared-secret", "x", "--listen", taken];
    let ended = run(&bed, &arguments, &[]).await;
    assert_eq!(ended.code(), 1, "{ended:#?}");
    assert!(ended.warned(&format!("api cannot listen on {taken}")), "{ended:#?}");
}

#[tokio::test]
async fn without_an_endpoint_spans_go_nowhere_and_each_service_says_so_once() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let mut command = bed.program();
    command.args(["broker", "--event-target", &target.url, "--shared-secret", "x"]);
    let broker = Service::start("broker", &mut command).await;
    let url = broker.url.replacen("http", "ws", 1);
    let mut arguments = vec!["runner", "--broker-url", &url];
    arguments.extend(sh("true"));
    let runner = run(&bed, &arguments, &[]).await;
    runner.assert_success();
    assert!(target.next_event().await.header("traceparent").is_some(), "context is passed on");
    for ended in [runner, broker.stop().await] {
        let said = ended.stderr.iter().filter(|line| line.contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
        assert_eq!(said.count(), 1, "{ended:#?}");
    }
}

async fn run(bed: &Bed, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = bed.program();
    command.args(arguments).envs(environment.iter().copied());
    Process::spawn(arguments[0], &mut command).end().await
}
