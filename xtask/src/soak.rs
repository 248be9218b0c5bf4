//! The pipeline under load for some minutes: memory stays bounded, and no event is lost.
//!
//! The collector of spans is away all the while, so that what waits for it is part of the load.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{Cargo, StepError};
use crate::figures::thousands;
use crate::folders;

/// Nobody listens there: it belongs to a service that no machine has run for decades.
const COLLECTOR: &str = "http://127.0.0.1:9";

/// Time between two looks at the memory.
const LOOK: Duration = Duration::from_secs(1);

/// Time that the runner has to bring its last events home. It gives up by itself if nothing moves.
const DRAIN: Duration = Duration::from_secs(600);

/// Growth from the first half of the time to the second that is no leak: a tenth, and for small
/// processes an allocator's arena, in KiB.
const TOLERANCE: (u64, u64) = (10, 4096);

/// Runs a build that writes lines for so long, and watches the memory of every service.
///
/// # Errors
/// If a service fails, an event is lost, or the memory of one grows all the time.
pub(crate) fn run(root: &Path, seconds: u64) -> Result<(), StepError> {
    Cargo::new(root, &["build", "-p", "pipeline"]).run()?;
    let fleet = Fleet::new(root)?;
    let persistence = fleet.service("persistence", &[])?;
    let api = fleet.service("api", &["--bus", &persistence.url])?;
    let broker = fleet.service("broker", &["--event-target", &api.url])?;
    let url = broker.url.replacen("http://", "ws://", 1);
    // Long lines, so that few of them wait in the pipe when the time is over.
    let build = format!(
        "end=$(($(date +%s) + {seconds})); while [ $(date +%s) -lt $end ]; \
         do for line in 1 2 3 4 5 6 7 8 9 10; do printf '%01000d\\n' $line; done; done"
    );
    let mut runner = fleet.start("runner", &["--broker-url", &url, "--", "sh", "-c", &build])?;
    println!("lines are written for {seconds} s, and the spans go to nobody");

    let watched = [
        ("runner", runner.id()),
        ("broker", broker.id()),
        ("api", api.id()),
        ("persistence", persistence.id()),
    ];
    let (summary, memory) = watch(&mut runner, &watched, Duration::from_secs(seconds))?;
    let lost = lost(&summary);
    let growing = memory.iter().filter_map(|(name, kib)| growth(name, kib));
    let problems: Vec<_> = lost.into_iter().chain(growing).collect();
    if problems.is_empty() { Ok(()) } else { Err(StepError::Rule(problems.join("\n"))) }
}

/// KiB of each process, as they were looked at.
type Memory = Vec<(&'static str, Vec<u64>)>;

/// Looks at the processes until the runner ends, which says in its last line what it has sent. Later
/// than `time`, it only drains.
fn watch(
    runner: &mut Process,
    watched: &[(&'static str, u32)],
    time: Duration,
) -> Result<(String, Memory), StepError> {
    let (done, ended) = mpsc::channel();
    let mut stdout = runner.stdout.take().ok_or_else(|| failed("the runner has no stdout"))?;
    thread::spawn(move || {
        let mut text = String::new();
        let _ = done.send(stdout.read_to_string(&mut text).map(|_| text));
    });
    let mut memory: Memory = watched.iter().map(|(name, _)| (*name, Vec::new())).collect();
    let start = Instant::now();
    loop {
        match ended.recv_timeout(LOOK) {
            Ok(text) => return text.map(|text| (text, memory)).map_err(failed),
            Err(RecvTimeoutError::Timeout) if start.elapsed() < time => {
                for ((_, kib), (_, id)) in memory.iter_mut().zip(watched) {
                    kib.extend(resident(*id));
                }
            }
            Err(RecvTimeoutError::Timeout) if start.elapsed() < time + DRAIN => {}
            Err(_) => return Err(failed("the runner does not end")),
        }
    }
}

/// KiB of memory that a process has.
fn resident(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// What is wrong with the memory of a process.
fn growth(name: &str, kib: &[u64]) -> Option<String> {
    let (first, second) = kib.split_at(kib.len() / 2);
    let (Some(before), Some(after)) = (first.iter().max(), second.iter().max()) else {
        return Some(format!("{name} was not seen: it ended at once, or there is no /proc"));
    };
    println!(
        "{name}: {} KiB at most in the first half, {} in the second",
        thousands(*before),
        thousands(*after)
    );
    let (tenth, arena) = TOLERANCE;
    (*after > before + before / tenth + arena).then(|| format!("the memory of {name} grows"))
}

/// What is wrong with the end of the runner.
fn lost(stdout: &str) -> Option<String> {
    let summary: Value =
        stdout.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    let number = |name: &str| summary[name].as_u64();
    match (number("events"), number("acknowledged"), number("exitCode")) {
        (Some(events), Some(committed), Some(0)) if events > 0 && events == committed => {
            println!("{} events, all of them committed", thousands(events));
            None
        }
        _ => Some(format!("the runner did not bring all events home; it said: {stdout}")),
    }
}

/// How every service is started.
struct Fleet {
    program: PathBuf,
    folder: PathBuf,
}

impl Fleet {
    fn new(root: &Path) -> Result<Self, StepError> {
        let folder = folders::target(root).join("soak");
        // The database of an earlier run would be another load.
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed)?;
        }
        fs::create_dir_all(&folder).map_err(failed)?;
        Ok(Self { program: folders::target(root).join("debug/pipeline"), folder })
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Result<Process, StepError> {
        let database = format!("sqlite:{}", self.folder.join("pipeline.sqlite").display());
        let mut command = Command::new(&self.program);
        command
            .arg(name)
            .args(arguments)
            .env("SHARED_SECRET", "soak")
            .env("DATABASE_URL", database)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)
            .env("RUST_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        // What a service says of the collector would fill the screen.
        let log = fs::File::create(self.folder.join(format!("{name}.log"))).map_err(failed)?;
        let mut child = command.stderr(log).spawn().map_err(failed)?;
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Process { child, stdout, url: String::new() })
    }

    /// Starts one that says in its first line where it listens.
    fn service(&self, name: &str, arguments: &[&str]) -> Result<Process, StepError> {
        let arguments = [arguments, &["--listen", "127.0.0.1:0"]].concat();
        let mut process = self.start(name, &arguments)?;
        let mut line = String::new();
        if let Some(stdout) = &mut process.stdout {
            stdout.read_line(&mut line).map_err(failed)?;
        }
        let ready: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(url) = ready["url"].as_str() else {
            return Err(failed(format!(
                "{name} does not start; see {name}.log in {}",
                self.folder.display()
            )));
        };
        process.url = url.to_owned();
        Ok(process)
    }
}

/// Killed when it is dropped.
struct Process {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    url: String,
}

impl Process {
    fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(error: impl std::fmt::Display) -> StepError {
    StepError::Rule(format!("soak: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_all_the_time_is_objected_to() {
        assert_eq!(growth("api", &[10_000, 20_000, 20_500, 21_000]), None);
        assert_eq!(growth("api", &[90_000, 100_000, 113_000, 114_000]), None);
        let found = growth("api", &[90_000, 100_000, 110_000, 115_000]);
        assert_eq!(found.as_deref(), Some("the memory of api grows"));
        assert!(growth("api", &[]).is_some_and(|text| text.contains("not seen")));
    }

    #[test]
    fn every_event_has_to_come_home() {
        let summary = |events, committed, code: &str| {
            lost(&format!(
                "{{\"events\":{events},\"acknowledged\":{committed},\"exitCode\":{code}}}\n"
            ))
        };
        assert_eq!(summary(3, 3, "0"), None);
        for (events, committed, code) in [(0, 0, "0"), (3, 2, "0"), (3, 3, "1"), (3, 3, "null")] {
            assert!(summary(events, committed, code).is_some(), "{events} {committed} {code}");
        }
        assert!(lost("").is_some());
    }

    #[test]
    fn memory_is_read_from_the_system() {
        assert!(resident(std::process::id()).is_some_and(|kib| kib > 0));
    }
}
