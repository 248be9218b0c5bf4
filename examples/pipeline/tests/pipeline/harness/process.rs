//! A process under test.

use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::PATIENCE;

/// A child process whose output is collected. It ends with this value.
pub(crate) struct Process {
    name: String,
    child: Child,
    pid: Pid,
    /// Whether its own children end with it.
    leads: bool,
    stdout: Output,
    stderr: Output,
}

/// What is left of a process.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

impl Process {
    /// Starts a process without children. It stays in the group of the test, so that Ctrl-C ends it.
    pub(crate) fn spawn(name: &str, command: &mut Command) -> Self {
        Self::start(name, command, false)
    }

    /// Starts a process that has children.
    pub(crate) fn spawn_leader(name: &str, command: &mut Command) -> Self {
        Self::start(name, command.process_group(0), true)
    }

    fn start(name: &str, command: &mut Command, leads: bool) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
        Self { name: name.to_owned(), child, pid, leads, stdout, stderr }
    }

    /// Waits for a line on standard output that contains `part`.
    pub(crate) async fn says(&self, part: &str) -> String {
        self.line(&self.stdout, part).await
    }

    /// Waits for a line on standard error that contains `part`.
    pub(crate) async fn warns(&self, part: &str) -> String {
        self.line(&self.stderr, part).await
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    /// Asks the process to stop, and waits for it.
    pub(crate) async fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.end().await
    }

    /// Ends the process without a word.
    pub(crate) async fn kill(self) -> Ended {
        self.signal(Signal::SIGKILL);
        self.end().await
    }

    /// Waits until the process has ended, and nobody holds its output any more.
    pub(crate) async fn end(mut self) -> Ended {
        let ending = async {
            let status = self.child.wait().await.unwrap();
            self.stdout.closed().await;
            self.stderr.closed().await;
            status
        };
        let Ok(status) = timeout(PATIENCE, ending).await else {
            panic!("{} did not end, or left its output open: {}", self.name, self.output());
        };
        Ended { status, stdout: self.stdout.lines(), stderr: self.stderr.lines() }
    }

    async fn line(&self, output: &Output, part: &str) -> String {
        let find = |lines: &[String]| lines.iter().find(|line| line.contains(part)).cloned();
        let mut lines = output.lines.clone();
        match timeout(PATIENCE, lines.wait_for(|lines| find(lines).is_some())).await {
            Ok(Ok(lines)) => find(&lines).unwrap(),
            Ok(Err(_)) => panic!("{} ended without {part:?}: {}", self.name, self.output()),
            Err(_) => panic!("no {part:?} of {} in {PATIENCE:?}: {}", self.name, self.output()),
        }
    }

    fn output(&self) -> String {
        let (stdout, stderr) = (self.stdout.lines().join("\n"), self.stderr.lines().join("\n"));
        format!("standard output:\n{stdout}\nstandard error:\n{stderr}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Only while the leader is not reaped: its id belongs to nobody else then.
        if self.leads && self.child.id().is_some() {
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
    }
}

impl Ended {
    /// The exit code; a signal is a failure of the test.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("{self:#?}"))
    }

    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert!(self.status.success(), "{self:#?}");
    }

    pub(crate) fn warned(&self, part: &str) -> bool {
        self.stderr.iter().any(|line| line.contains(part))
    }
}

struct Output {
    lines: watch::Receiver<Vec<String>>,
}

impl Output {
    fn collect(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, lines) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream).split(b'\n');
            while let Ok(Some(line)) = stream.next_segment().await {
                let line = String::from_utf8_lossy(&line).into_owned();
                sender.send_modify(|lines: &mut Vec<String>| lines.push(line));
            }
        });
        Self { lines }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    async fn closed(&mut self) {
        while self.lines.changed().await.is_ok() {}
    }
}
