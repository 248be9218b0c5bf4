//! The services of one test, with a folder, a database and a receiver of spans of their own.

use std::collections::HashSet;
use std::path::Path;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use throughline_testkit::{OtlpReceiver, SpanRecord};
use tokio::process::Command;

use super::{Database, Ended, Nats, PATIENCE, Process};

/// The secret that the services of a test share.
pub(crate) const SECRET: &str = "a-secret-of-the-test";

/// Where the services of one test live.
pub(crate) struct Bed {
    folder: TempDir,
    pub(crate) receiver: OtlpReceiver,
}

impl Bed {
    pub(crate) async fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), receiver: OtlpReceiver::start().await.unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> Database {
        Database::new(self.folder().join("pipeline.sqlite"))
    }

    /// The program with nothing of this process's environment but what finds other programs.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command.env_clear().current_dir(self.folder()).env("TMPDIR", self.folder());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// A service that exports its spans to this test.
    pub(crate) fn command(&self, service: &str) -> Command {
        let mut command = self.program();
        command
            .arg(service)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.receiver.endpoint())
            .env("OTEL_BSP_SCHEDULE_DELAY", "50")
            .env("SHARED_SECRET", SECRET)
            .env("DATABASE_URL", self.database().url());
        command
    }

    pub(crate) async fn service(&self, name: &str, arguments: &[&str]) -> Service {
        Service::start(name, self.command(name).args(arguments)).await
    }

    pub(crate) async fn persistence(&self) -> Service {
        self.service("persistence", &[]).await
    }

    pub(crate) async fn api(&self, bus: &str) -> Service {
        self.service("api", &["--bus", bus]).await
    }

    pub(crate) async fn broker(&self, target: &str) -> Service {
        self.service("broker", &["--event-target", target]).await
    }

    /// Persistence, API and broker as processes.
    pub(crate) async fn fleet(&self) -> Fleet {
        let persistence = self.persistence().await;
        let api = self.api(&persistence.url).await;
        let broker = self.broker(&api.url).await;
        Fleet { persistence: Some(persistence), api, broker }
    }

    /// API with persistence in it, and broker.
    pub(crate) async fn fleet_in_process(&self) -> Fleet {
        let api = self.api("inprocess").await;
        let broker = self.broker(&api.url).await;
        Fleet { persistence: None, api, broker }
    }

    /// Persistence and API with a stream between them, and broker.
    pub(crate) async fn fleet_over(&self, nats: &Nats) -> Fleet {
        let persistence = self.service("persistence", &["--bus", &nats.url()]).await;
        let api = self.api(&nats.url()).await;
        let broker = self.broker(&api.url).await;
        Fleet { persistence: Some(persistence), api, broker }
    }

    pub(crate) fn runner(&self, broker: &str, arguments: &[&str]) -> Process {
        self.runner_with(broker, arguments, &[])
    }

    pub(crate) fn runner_with(
        &self,
        broker: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Process {
        let broker = broker.replacen("http://", "ws://", 1);
        let mut command = self.command("runner");
        command.args(["--broker-url", &broker]).args(arguments);
        Process::spawn("runner", command.envs(environment.iter().copied()))
    }

    pub(crate) fn demo(&self, arguments: &[&str]) -> Process {
        let mut command = self.program();
        command.args(["demo", "--database", &self.database().url()]).args(arguments);
        Process::spawn_leader("demo", &mut command)
    }

    /// The spans so far, each once.
    pub(crate) fn spans(&self) -> Vec<SpanRecord> {
        unique(self.receiver.spans())
    }

    /// Waits for `count` spans with a name that begins with `name`, and returns all that are there.
    pub(crate) async fn spans_with(&self, count: usize, name: &str) -> Vec<SpanRecord> {
        let enough = |spans: &[SpanRecord]| {
            spans.iter().filter(|span| span.name.starts_with(name)).count() >= count
        };
        unique(self.receiver.wait_for(enough, PATIENCE).await.unwrap())
    }

    /// The sum of a counter, for one value of one attribute.
    pub(crate) fn counted(&self, service: &str, metric: &str, key: &str, value: &str) -> f64 {
        let metrics = self.receiver.metrics();
        let wanted = metrics.iter().filter(|record| {
            record.service == service
                && record.name == metric
                && record.attributes.get(key).is_some_and(|found| found == value)
        });
        wanted.map(|record| record.value).sum()
    }
}

/// A service that listens.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) process: Process,
}

impl Service {
    pub(crate) async fn start(name: &str, command: &mut Command) -> Self {
        let process = Process::spawn(name, command);
        let ready = process.says("\"ready\":true").await;
        let ready: Value = serde_json::from_str(&ready).unwrap();
        Self { url: ready["url"].as_str().unwrap().to_owned(), process }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Asks the service to stop, which it does without complaint.
    pub(crate) async fn stop(self) -> Ended {
        let ended = self.process.stop().await;
        ended.assert_success();
        ended
    }
}

/// Everything but the runner.
pub(crate) struct Fleet {
    pub(crate) persistence: Option<Service>,
    pub(crate) api: Service,
    pub(crate) broker: Service,
}

impl Fleet {
    /// Stops all, front to back. Every span and metric is exported then.
    pub(crate) async fn stop(self) {
        self.broker.stop().await;
        self.api.stop().await;
        if let Some(persistence) = self.persistence {
            persistence.stop().await;
        }
    }
}

/// Arguments that make a shell script the command to run.
pub(crate) fn sh(script: &str) -> [&str; 4] {
    ["--", "sh", "-c", script]
}

/// What a runner says about the build that it has run.
#[track_caller]
pub(crate) fn summary(runner: &Ended) -> Value {
    let line = runner.stdout.last().unwrap_or_else(|| panic!("no summary: {runner:#?}"));
    serde_json::from_str(line).unwrap()
}

/// Whether a process runs. One that has ended counts as gone, even if nobody has asked how.
pub(crate) fn lives(pid: &str) -> bool {
    let pid = pid.trim();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let there = kill(Pid::from_raw(pid.parse().unwrap()), None).is_ok();
    there && !stat.contains(") Z ")
}

fn unique(mut spans: Vec<SpanRecord>) -> Vec<SpanRecord> {
    let mut seen = HashSet::new();
    spans.retain(|span| seen.insert((span.trace_id.clone(), span.span_id.clone())));
    spans
}
