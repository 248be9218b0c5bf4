//! Executes the steps of a plan and reports what they write.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use throughline::propagation::Environment;
use tokio::io::{AsyncBufRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lines::next_line;
use super::plan::{Plan, Step};
use super::reporter::Reporter;
use super::todos::Todos;
use crate::event::{EventType, OutputStream, StreamData, TodoStatus};
use crate::limits::LINE_QUEUE;

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Failed {
        /// None if the command could not start or a signal ended it.
        exit_code: Option<i32>,
        /// For people.
        reason: String,
    },
}

impl Ending {
    pub(super) fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Completed => Some(0),
            Self::Failed { exit_code, .. } => *exit_code,
        }
    }

    /// What the runner itself exits with.
    pub(super) fn process_code(&self) -> u8 {
        match self {
            Self::Completed => 0,
            // A failure must not read as success, whatever it was called.
            Self::Failed { exit_code, .. } => exit_code
                .and_then(|code| u8::try_from(code).ok())
                .filter(|code| *code > 0)
                .unwrap_or(1),
        }
    }
}

/// Executes a plan, and says how it ended and how many events it made.
pub(super) async fn run(
    plan: &Plan,
    reporter: Reporter<'_>,
    environment: &Environment,
    stop: &CancellationToken,
) -> (Ending, u64) {
    let mut build = Build { reporter, todos: Todos::default(), environment, stop };
    let ending = build.execute(plan).await;
    match &ending {
        Ending::Completed => build.reporter.completed().await,
        Ending::Failed { exit_code, reason } => build.reporter.failed(*exit_code, reason).await,
    }
    (ending, build.reporter.events())
}

struct Build<'a> {
    reporter: Reporter<'a>,
    todos: Todos,
    environment: &'a Environment,
    stop: &'a CancellationToken,
}

impl Build<'_> {
    async fn execute(&mut self, plan: &Plan) -> Ending {
        // Removed when the build ends, whichever way.
        let target = match tempfile::Builder::new().prefix("throughline-build-").tempdir() {
            Ok(target) => target,
            Err(error) => {
                let reason = format!("no folder for build output can be made: {error}");
                return Ending::Failed { exit_code: None, reason };
            }
        };
        let facts = json!({ "name": plan.name(), "steps": plan.steps.len() });
        self.reporter.json(EventType::ProjectMetadata, &facts).await;
        for step in &plan.steps {
            self.todos.add(&step.id, &step.title);
        }
        self.report_todos().await;
        for step in &plan.steps {
            self.set(step, TodoStatus::InProgress).await;
            let ending = self.step(step, target.path()).await;
            let done = ending == Ending::Completed;
            self.set(step, if done { TodoStatus::Completed } else { TodoStatus::Failed }).await;
            if !done {
                return ending;
            }
        }
        Ending::Completed
    }

    async fn step(&mut self, step: &Step, target: &Path) -> Ending {
        let words = step.words(target);
        let program = words.first().cloned().unwrap_or_default();
        let name = Path::new(&program).file_name().unwrap_or_default().to_string_lossy();
        eprintln!("pipeline runner: {}", words.join(" "));
        self.reporter
            .stream(&StreamData::ToolInput {
                tool_call_id: step.id.clone(),
                tool_name: name.into_owned(),
                input: json!({ "command": words }),
            })
            .await;
        let outcome = self.command(step, &words).await;
        let (exit_code, ending) = match outcome {
            Ok(Some(status)) if status.success() => (Some(0), Ending::Completed),
            Ok(Some(status)) => {
                let reason = format!("{program} ended with {status}");
                (status.code(), Ending::Failed { exit_code: status.code(), reason })
            }
            Ok(None) => {
                let reason = "the runner was told to stop".to_owned();
                (None, Ending::Failed { exit_code: None, reason })
            }
            Err(error) => {
                let reason = format!("{program} cannot be run: {error}");
                eprintln!("pipeline runner: {reason}");
                self.reporter.json(EventType::Error, &json!({ "message": reason })).await;
                (None, Ending::Failed { exit_code: None, reason })
            }
        };
        let is_error = ending != Ending::Completed;
        let tool_call_id = step.id.clone();
        self.reporter.stream(&StreamData::ToolOutput { tool_call_id, exit_code, is_error }).await;
        ending
    }

    /// Runs a command until it has ended and its output is reported; none if the runner was stopped.
    async fn command(
        &mut self,
        step: &Step,
        words: &[String],
    ) -> std::io::Result<Option<ExitStatus>> {
        let (program, arguments) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(arguments)
            // What the command starts can continue the trace.
            .envs(self.environment.vars())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = Group::of(&child);
        let (lines, mut received) = mpsc::channel(LINE_QUEUE);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(read(BufReader::new(stdout), OutputStream::Stdout, lines.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(read(BufReader::new(stderr), OutputStream::Stderr, lines));
        }
        let stop = self.stop.clone();
        let ended = loop {
            let line = tokio::select! {
                biased;
                () = stop.cancelled() => break None,
                line = received.recv() => line,
            };
            if let Some((stream, text)) = line {
                self.line(step, stream, text).await;
                continue;
            }
            // A command can close its output long before it ends.
            tokio::select! {
                () = stop.cancelled() => break None,
                status = child.wait() => break Some(status?),
            }
        };
        match ended {
            Some(_) => group.release(),
            None => {
                drop(group);
                child.wait().await?;
            }
        }
        Ok(ended)
    }

    async fn line(&mut self, step: &Step, stream: OutputStream, mut text: String) {
        eprintln!("  | {text}");
        if stream == OutputStream::Stdout && self.todos.follow(&text) {
            self.report_todos().await;
        }
        text.push('\n');
        let tool_call_id = step.id.clone();
        self.reporter.stream(&StreamData::TextDelta { tool_call_id, stream, text }).await;
    }

    async fn set(&mut self, step: &Step, status: TodoStatus) {
        if self.todos.set(&step.id, status) {
            self.report_todos().await;
        }
    }

    async fn report_todos(&mut self) {
        let todos = self.todos.snapshot();
        self.reporter.stream(&StreamData::TodoWrite { todos }).await;
    }
}

/// Sends every line until the output ends, or nobody takes them any more. A full queue makes the
/// command wait.
async fn read<R>(mut output: R, stream: OutputStream, lines: mpsc::Sender<(OutputStream, String)>)
where
    R: AsyncBufRead + Unpin,
{
    while let Ok(Some(line)) = next_line(&mut output).await {
        if lines.send((stream, line)).await.is_err() {
            return;
        }
    }
}

/// A command and what it has started: all of it ends with this value, since a build can also be given
/// up by dropping it.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: &Child) -> Self {
        Self(leader.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    /// The command has ended by itself; what it has left behind may stay.
    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended in this moment.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}
