//! Starts cargo the way every step needs it: at the top of the repository, without stdin, as in CI.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Why a step failed.
#[derive(Debug)]
pub(crate) enum StepError {
    /// The command ran and reported a failure.
    Exit { command: String, status: ExitStatus },
    /// The command could not be started, or its output not be read.
    Io { command: String, source: io::Error },
    /// The command ran longer than it may.
    Deadline { command: String, limit: Duration },
    /// The commands ended well, but what they showed breaks a rule.
    Rule(String),
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { command, status } => write!(f, "`{command}` ended with {status}"),
            Self::Io { command, source } => write!(f, "`{command}` could not be run: {source}"),
            Self::Deadline { command, limit } => {
                write!(f, "`{command}` was stopped after {} s", limit.as_secs())
            }
            Self::Rule(text) => f.write_str(text),
        }
    }
}

/// One call of cargo, or of another program.
#[derive(Debug)]
pub(crate) struct Cargo {
    command: Command,
    shown: String,
}

impl Cargo {
    /// Prepares `cargo <arguments>` to run in `root`.
    pub(crate) fn new(root: &Path, arguments: &[&str]) -> Self {
        // The variable names the very cargo that started this program, also where none is in PATH.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        Self::prepare(root, Command::new(cargo), "cargo", arguments)
    }

    /// Prepares `<program> <arguments>` the same way.
    pub(crate) fn other(root: &Path, program: &Path, arguments: &[&str]) -> Self {
        Self::prepare(root, Command::new(program), &program.to_string_lossy(), arguments)
    }

    fn prepare(root: &Path, mut command: Command, name: &str, arguments: &[&str]) -> Self {
        // CI makes insta compare snapshots and never write them.
        command.args(arguments).current_dir(root).env("CI", "true").stdin(Stdio::null());
        Self { command, shown: format!("{name} {}", arguments.join(" ")) }
    }

    /// Sets an environment variable for the call.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self.shown = format!("{name}=\"{value}\" {}", self.shown);
        self
    }

    /// Says what runs, runs it with its output on the screen, and fails if it fails.
    pub(crate) fn run(mut self) -> Result<(), StepError> {
        println!("$ {}", self.shown);
        match self.command.status() {
            Ok(status) => self.ended(status),
            Err(source) => Err(self.io(source)),
        }
    }

    /// Like [`run`](Self::run), and shows each line of stdout to `see`, without its line end.
    pub(crate) fn run_seeing(mut self, mut see: impl FnMut(&str)) -> Result<(), StepError> {
        println!("$ {}", self.shown);
        let (mut child, stdout) = self.spawn()?;
        let read = pass_on(stdout, &mut see);
        let status = child.wait().map_err(|source| self.io(source))?;
        read.map_err(|source| self.io(source))?;
        self.ended(status)
    }

    /// Like [`run`](Self::run), but kills what has not closed its stdout within `limit`.
    pub(crate) fn run_within(self, limit: Duration) -> Result<(), StepError> {
        self.run_seeing_within(limit, |_| ())
    }

    /// Like [`run_seeing`](Self::run_seeing) and [`run_within`](Self::run_within) in one.
    pub(crate) fn run_seeing_within(
        mut self,
        limit: Duration,
        mut see: impl FnMut(&str),
    ) -> Result<(), StepError> {
        println!("$ {}", self.shown);
        let deadline = Instant::now() + limit;
        let (mut child, stdout) = self.spawn()?;
        let (seen, lines) = mpsc::channel();
        // The end of stdout is the event to wait for: std has no wait with a time limit.
        let reader = thread::spawn(move || {
            // Who no longer listens has killed what is read.
            pass_on(stdout, &mut |line| drop(seen.send(line.to_owned())))
        });
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => see(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    child.kill().map_err(|source| self.io(source))?;
                    child.wait().map_err(|source| self.io(source))?;
                    return Err(StepError::Deadline { command: self.shown, limit });
                }
            }
        }
        let status = child.wait().map_err(|source| self.io(source))?;
        let read = reader.join().unwrap_or_else(|_| Err(io::Error::other("its reader panicked")));
        read.map_err(|source| self.io(source))?;
        self.ended(status)
    }

    /// Like [`run`](Self::run), but returns what it writes to stdout instead of showing it.
    pub(crate) fn output(self) -> Result<String, StepError> {
        self.output_and_end().and_then(|(output, end)| end.map(|()| output))
    }

    /// Like [`output`](Self::output), for a command that may fail and say why on stdout.
    pub(crate) fn output_and_end(mut self) -> Result<(String, Result<(), StepError>), StepError> {
        println!("$ {}", self.shown);
        let (mut child, mut stdout) = self.spawn()?;
        let mut output = String::new();
        let read = stdout.read_to_string(&mut output);
        let status = child.wait().map_err(|source| self.io(source))?;
        read.map_err(|source| self.io(source))?;
        Ok((output, self.ended(status)))
    }

    /// What it writes to stdout, if it succeeds; nothing of it is shown.
    pub(crate) fn answer(mut self) -> Option<String> {
        let output = self.command.stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether the call succeeds; nothing of it is shown.
    pub(crate) fn succeeds(mut self) -> bool {
        let status = self.command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn spawn(&mut self) -> Result<(Child, ChildStdout), StepError> {
        let mut child =
            self.command.stdout(Stdio::piped()).spawn().map_err(|source| self.io(source))?;
        match child.stdout.take() {
            Some(stdout) => Ok((child, stdout)),
            None => Err(self.io(io::Error::other("it has no stdout"))),
        }
    }

    fn ended(self, status: ExitStatus) -> Result<(), StepError> {
        if status.success() { Ok(()) } else { Err(StepError::Exit { command: self.shown, status }) }
    }

    fn io(&self, source: io::Error) -> StepError {
        StepError::Io { command: self.shown.clone(), source }
    }
}

/// Copies lines to stdout as they come.
fn pass_on(from: impl io::Read, see: &mut dyn FnMut(&str)) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        io::stdout().flush()?;
        see(text.trim_end_matches(['\r', '\n']));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cargo(arguments: &[&str]) -> Cargo {
        let mut cargo = Cargo::new(Path::new(env!("CARGO_MANIFEST_DIR")), arguments);
        // Errors that a test provokes on purpose would alarm the reader of a green run.
        cargo.command.stderr(Stdio::null());
        cargo
    }

    #[test]
    fn lines_of_stdout_are_seen_in_order() {
        let mut seen = Vec::new();
        cargo(&["--version", "--verbose"]).run_seeing(|line| seen.push(line.to_owned())).unwrap();
        assert!(seen[0].starts_with("cargo "), "{seen:?}");
        assert!(seen.iter().any(|line| line.starts_with("release: ")), "{seen:?}");
    }

    #[test]
    fn output_is_returned_unless_the_command_fails() {
        let output = cargo(&["--version"]).output().unwrap();
        assert!(output.starts_with("cargo "), "{output}");
        assert_eq!(cargo(&["--version"]).answer(), Some(output));
        let error = cargo(&["no-such-command"]).output().unwrap_err();
        assert!(matches!(error, StepError::Exit { .. }), "{error}");
        assert_eq!(cargo(&["no-such-command"]).answer(), None);
    }

    #[test]
    fn what_a_failing_command_has_said_is_returned_beside_its_end() {
        let mut talking = cargo(&[]);
        talking.command = Command::new("sh");
        talking.command.args(["-c", "echo why; exit 3"]);
        let (output, end) = talking.output_and_end().unwrap();
        assert_eq!(output, "why\n");
        assert!(matches!(end, Err(StepError::Exit { .. })));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_reading() {
        let mut seen = Vec::new();
        pass_on(&b"a\xff\r\nlast"[..], &mut |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["a\u{fffd}", "last"]);
    }

    #[test]
    fn a_failing_command_fails_and_is_named() {
        let error = cargo(&["no-such-command"]).run().unwrap_err();
        assert!(matches!(error, StepError::Exit { .. }), "{error}");
        assert!(error.to_string().contains("cargo no-such-command"), "{error}");
        assert!(!cargo(&["no-such-command"]).succeeds());
    }

    #[test]
    fn what_exceeds_its_deadline_is_stopped() {
        // `cat` ends when its stdin does, and the child's handle keeps that open.
        let mut endless = cargo(&[]);
        endless.command = Command::new("cat");
        endless.command.stdin(Stdio::piped());
        let error = endless.run_within(Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, StepError::Deadline { .. }), "{error}");
    }

    #[test]
    fn what_ends_within_its_deadline_is_seen_and_judged_by_its_exit_code() {
        let mut seen = Vec::new();
        let version = cargo(&["--version"]);
        version
            .run_seeing_within(Duration::from_secs(60), |line| seen.push(line.to_owned()))
            .unwrap();
        assert!(seen[0].starts_with("cargo "), "{seen:?}");
        let error = cargo(&["no-such-command"]).run_within(Duration::from_secs(60)).unwrap_err();
        assert!(matches!(error, StepError::Exit { .. }), "{error}");
    }
}
