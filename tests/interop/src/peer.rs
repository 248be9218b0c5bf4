//! Services that a real SDK traces, each a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::report::{Decision, Report};

/// An SDK, as it is set up here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    SentryNode,
    /// With `propagateTraceparent`.
    SentryNodeBoth,
    SentryPython,
    OtelNode,
    OtelPython,
}

impl Sdk {
    pub(crate) const ALL: [Self; 5] = [
        Self::SentryNode,
        Self::SentryNodeBoth,
        Self::SentryPython,
        Self::OtelNode,
        Self::OtelPython,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SentryNode => "Sentry Node",
            Self::SentryNodeBoth => "Sentry Node, propagateTraceparent",
            Self::SentryPython => "Sentry Python",
            Self::OtelNode => "OpenTelemetry Node",
            Self::OtelPython => "OpenTelemetry Python",
        }
    }

    pub(crate) fn is_sentry(self) -> bool {
        matches!(self, Self::SentryNode | Self::SentryNodeBoth | Self::SentryPython)
    }

    /// The decisions that it can begin a trace with.
    pub(crate) fn decisions(self) -> &'static [Decision] {
        if self.is_sentry() { &Decision::ALL } else { &Decision::ALL[..2] }
    }

    /// Those of the other dialect. Behind us, how Sentry's is set up to send makes no difference.
    pub(crate) fn others(self) -> [Self; 2] {
        if self.is_sentry() {
            [Self::OtelNode, Self::OtelPython]
        } else {
            [Self::SentryNode, Self::SentryPython]
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::SentryNodeBoth => &["traceparent"],
            _ => &[],
        }
    }
}

/// Where the interpreters and scripts are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// The folder of this package.
    pub(crate) scripts: PathBuf,
    pub(crate) node: PathBuf,
    pub(crate) python: PathBuf,
}

impl Programs {
    fn command(&self, sdk: Sdk) -> Command {
        let (program, script): (&Path, _) = match sdk {
            Sdk::SentryPython | Sdk::OtelPython => (&self.python, "python/peer.py"),
            _ => (&self.node, "node/peer.mjs"),
        };
        let mut command = Command::new(program);
        command.arg(self.scripts.join(script));
        command.arg(if sdk.is_sentry() { "sentry" } else { "opentelemetry" });
        // Settings of the machine's user are no part of the test.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if ["SENTRY_", "OTEL_", "NODE_", "PYTHON"].iter().any(|own| name.starts_with(own))
                || name.to_ascii_lowercase().ends_with("_proxy")
            {
                command.env_remove(name);
            }
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

/// A running service.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) sdk: Sdk,
    /// The decision that it begins traces with.
    pub(crate) decision: Decision,
    /// Name and version of the SDK.
    pub(crate) version: String,
    /// Its address without a slash at the end.
    pub(crate) address: String,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// Killed when this is dropped.
    _child: Child,
}

impl Peer {
    /// Starts a service and waits until it listens.
    pub(crate) async fn start(
        programs: &Programs,
        sdk: Sdk,
        decision: Decision,
    ) -> anyhow::Result<Self> {
        let mut command = programs.command(sdk);
        command.arg(decision.as_str()).args(sdk.arguments());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        let input = child.stdin.take().context("no stdin")?;
        let output = child.stdout.take().context("no stdout")?;
        let mut output = BufReader::new(output).lines();
        let hello: Hello = read(&mut output).await.with_context(|| sdk.name())?;
        Ok(Self {
            sdk,
            decision,
            version: hello.version,
            address: format!("http://127.0.0.1:{}", hello.port),
            input,
            output,
            _child: child,
        })
    }

    /// Begins a trace and calls `url` in it.
    pub(crate) async fn begin(
        &mut self,
        url: &str,
        baggage: Option<&[(&str, &str)]>,
    ) -> anyhow::Result<Report> {
        let mut line = serde_json::json!({ "url": url, "baggage": baggage }).to_string();
        line.push('\n');
        self.input.write_all(line.as_bytes()).await?;
        let report: Report = read(&mut self.output).await.with_context(|| self.sdk.name())?;
        match report.error {
            Some(error) => bail!("{}: {error}", self.sdk.name()),
            None => Ok(report),
        }
    }
}

#[derive(Deserialize)]
struct Hello {
    port: u16,
    version: String,
}

async fn read<T: for<'a> Deserialize<'a>>(
    lines: &mut Lines<BufReader<ChildStdout>>,
) -> anyhow::Result<T> {
    let line = timeout(ANSWER_LIMIT, lines.next_line()).await.context("no answer in time")??;
    Ok(serde_json::from_str(&line.context("it has ended; see above")?)?)
}

/// For a start or a chain of calls, on a machine under load.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
