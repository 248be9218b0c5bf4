//! The services as child processes of this one.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use uuid::Uuid;

use crate::cli::{Bus, Victim};
use crate::limits::{DRAIN, TELEMETRY_FLUSH};

/// Everything but the runner.
pub(super) struct Fleet {
    setup: Setup,
    /// Absent if it lives in the API's process.
    persistence: Option<Service>,
    api: Service,
    broker: Service,
}

struct Setup {
    otlp: String,
    secret: String,
    database: String,
}

/// A service that has said where it listens.
struct Service {
    name: &'static str,
    child: Child,
    url: String,
    arguments: Vec<String>,
}

impl Fleet {
    /// Starts persistence, API and broker, each when the one behind it is ready.
    ///
    /// # Errors
    /// If one of them does not become ready.
    pub(super) async fn start(otlp: &str, bus: &Bus, database: &str) -> anyhow::Result<Self> {
        let setup = Setup {
            otlp: otlp.to_owned(),
            secret: Uuid::new_v4().to_string(),
            database: database.to_owned(),
        };
        let (persistence, bus) = match bus {
            Bus::InProcess => (None, "inprocess".to_owned()),
            Bus::Http(None) => {
                let service = Service::start("persistence", &setup, Vec::new()).await?;
                let url = service.url.clone();
                (Some(service), url)
            }
            Bus::Stream(address) => {
                // Not the stream of services that run at the same server.
                let url = address.clone().or_stream("pipeline-demo").to_url();
                let arguments = vec!["--bus".to_owned(), url.clone()];
                (Some(Service::start("persistence", &setup, arguments).await?), url)
            }
            Bus::Http(Some(_)) => {
                bail!("the demo starts persistence itself: --bus http, inprocess or nats://…")
            }
        };
        let api = Service::start("api", &setup, vec!["--bus".to_owned(), bus]).await?;
        let target = vec!["--event-target".to_owned(), api.url.clone()];
        let broker = Service::start("broker", &setup, target).await?;
        Ok(Self { setup, persistence, api, broker })
    }

    /// Where the web page is.
    pub(super) fn page(&self) -> &str {
        &self.persistence.as_ref().unwrap_or(&self.api).url
    }

    /// Starts a runner for one build.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub(super) fn runner(&self, build: &[OsString]) -> anyhow::Result<Runner> {
        let broker = self.broker.url.replacen("http://", "ws://", 1);
        let mut command = self.setup.command("runner")?;
        command.arg("--broker-url").arg(broker);
        if !build.is_empty() {
            command.arg("--").args(build);
        }
        let mut child = command.spawn().context("the runner cannot be started")?;
        let stdout = lines(&mut child)?;
        Ok(Runner { child, stdout })
    }

    /// Ends a service without a word (SIGKILL) and starts it again at the same address.
    ///
    /// # Errors
    /// If it does not come back.
    pub(super) async fn kill(&mut self, victim: Victim) -> anyhow::Result<()> {
        let service = match victim {
            Victim::Broker => &mut self.broker,
            Victim::Api => &mut self.api,
            Victim::Persistence => {
                self.persistence.as_mut().context("persistence has no process of its own")?
            }
        };
        eprintln!("pipeline demo: killing {} and starting it again", service.name);
        service.child.kill().await.context("the service cannot be killed")?;
        let address = service.url.trim_start_matches("http://").to_owned();
        let mut arguments = service.arguments.clone();
        arguments.extend(["--listen".to_owned(), address]);
        *service = Service::start(service.name, &self.setup, arguments).await?;
        Ok(())
    }

    /// Tells the services to stop, front to back, so that each drains into the next.
    pub(super) async fn stop(self) {
        for service in [Some(self.broker), Some(self.api), self.persistence].into_iter().flatten() {
            service.stop().await;
        }
    }
}

impl Setup {
    /// This program as another service. Its spans are exported soon, so that a kill costs few.
    fn command(&self, service: &str) -> anyhow::Result<Command> {
        let program = std::env::current_exe().context("this program cannot be found")?;
        let mut command = Command::new(program);
        // The demo is a whole of its own, wherever it is started: in a traced job, behind a proxy, or
        // as the command of another demo.
        for variable in FOREIGN {
            command.env_remove(variable);
        }
        command
            .arg(service)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.otlp)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .env("OTEL_BSP_SCHEDULE_DELAY", "100")
            .env("OTEL_BSP_MAX_QUEUE_SIZE", "65536")
            .env("OTEL_SERVICE_NAME", service)
            .env("SHARED_SECRET", &self.secret)
            .env("DATABASE_URL", &self.database)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Service {
    async fn start(
        name: &'static str,
        setup: &Setup,
        arguments: Vec<String>,
    ) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Ready {
            url: String,
        }
        let mut child = setup
            .command(name)?
            .args(&arguments)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let mut stdout = lines(&mut child)?;
        let line = tokio::time::timeout(PATIENCE, stdout.next_line())
            .await
            .map_err(|_| anyhow!("{name} was not ready within {PATIENCE:?}"))?
            .with_context(|| format!("{name} cannot be heard"))?;
        let Some(line) = line else { bail!("{name} ended before it was ready; see above why") };
        let Ready { url } = serde_json::from_str(&line)
            .with_context(|| format!("{name} did not say where it is"))?;
        Ok(Self { name, child, url, arguments })
    }

    async fn stop(mut self) {
        terminate(pid(&self.child));
        if tokio::time::timeout(2 * DRAIN + 2 * TELEMETRY_FLUSH, self.child.wait()).await.is_err() {
            eprintln!("pipeline demo: {} did not stop in time and was killed", self.name);
        }
    }
}

/// The runner while it builds.
pub(super) struct Runner {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

/// What the runner said at its end.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) command_id: String,
    pub(super) trace_id: String,
    pub(super) events: u64,
    pub(super) refused: u64,
    pub(super) exit_code: Option<i32>,
}

/// How the runner ended.
#[derive(Debug)]
pub(super) struct RunnerEnd {
    pub(super) summary: Summary,
}

impl Runner {
    /// What tells the runner to stop, while somebody waits for it.
    pub(super) fn stopper(&self) -> impl FnOnce() + use<> {
        let pid = pid(&self.child);
        move || terminate(pid)
    }

    /// Waits until the build has ended and its events are acknowledged.
    ///
    /// # Errors
    /// If the runner ends without saying how it went.
    pub(super) async fn wait(mut self) -> anyhow::Result<RunnerEnd> {
        let mut summary = None;
        while let Some(line) =
            self.stdout.next_line().await.context("the runner cannot be heard")?
        {
            summary = Some(line);
        }
        let status = self.child.wait().await.context("the runner cannot be waited for")?;
        let summary = summary
            .with_context(|| format!("the runner ended with {status} and without a summary"))?;
        let summary = serde_json::from_str(&summary).context("the runner's summary is none")?;
        Ok(RunnerEnd { summary })
    }
}

/// The process of a child that is not waited for yet.
fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw)
}

fn terminate(pid: Option<Pid>) {
    if let Some(pid) = pid {
        // It may have ended by itself.
        let _ = kill(pid, Signal::SIGTERM);
    }
}

fn lines(child: &mut Child) -> anyhow::Result<Lines<BufReader<ChildStdout>>> {
    let stdout = child.stdout.take().context("a service has no standard output")?;
    Ok(BufReader::new(stdout).lines())
}

/// Variables that would lead a service's requests, spans or trace elsewhere.
const FOREIGN: [&str; 19] = [
    "LISTEN",
    "BUS",
    "TRACEPARENT",
    "TRACESTATE",
    "BAGGAGE",
    "SENTRY_TRACE",
    "SENTRY_BAGGAGE",
    "OTEL_SDK_DISABLED",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// Time for a service to become ready, and for the first events to arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
