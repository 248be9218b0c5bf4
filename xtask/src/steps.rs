//! The checks of `cargo xtask test`, as a table that is run from top to bottom.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::bench;
use crate::command::{Cargo, StepError};
use crate::conformance;
use crate::examples;
use crate::features;
use crate::folders;
use crate::install;
use crate::interop;
use crate::report::{self, Outcome, Row};
use crate::scenarios;
use crate::test_summary::TestSummary;

/// One check.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// One lower-case word.
    pub(crate) name: &'static str,
    /// Whether `--quick` keeps it.
    pub(crate) quick: bool,
    /// What to do if it fails.
    pub(crate) advice: &'static str,
    pub(crate) run: fn(&mut Session) -> Result<(), StepError>,
}

/// Cheap and frequent failures first; a new check is a new line.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        quick: true,
        advice: "run `cargo fmt --all`, or the last command without --check",
        run: fmt,
    },
    Step {
        name: "install",
        quick: true,
        advice: "run it again as root, or install the packages yourself",
        run: install_packages,
    },
    Step {
        name: "clippy",
        quick: true,
        advice: "mend each warning, or mark it with #[expect(lint, reason = \"..\")]",
        run: clippy,
    },
    Step {
        name: "test",
        quick: true,
        advice: "the names of the failed or ignored tests stand above; \
                 `cargo test --workspace --all-features <name>` runs one alone",
        run: tests,
    },
    Step {
        name: "browser",
        quick: true,
        advice: "js/README.md says how to run the tests alone; Node must be of version 20 or later",
        run: browser,
    },
    Step {
        name: "docs",
        quick: false,
        advice: "mend the links and code blocks that rustdoc names above",
        run: docs,
    },
    Step {
        name: "features",
        quick: false,
        advice: "the last command above breaks; look at the `cfg`s and at [features] in Cargo.toml",
        run: single_features,
    },
    Step {
        name: "examples",
        quick: false,
        advice: "the last command above breaks; an example must end by itself with exit code 0",
        run: run_examples,
    },
    Step {
        name: "bench",
        quick: false,
        advice: "CONTRIBUTING.md says what to do when the gate is red",
        run: bench_gate,
    },
    Step {
        name: "fuzz",
        quick: false,
        advice: "the input that broke the target lies in fuzz/artifacts; \
                 `RUSTC_BOOTSTRAP=1 cargo fuzz run <target> <file>` runs it again",
        run: fuzz,
    },
    Step {
        name: "pipeline",
        quick: true,
        advice: "`cargo run -p pipeline -- demo --full` shows the whole trace",
        run: pipeline,
    },
    Step {
        name: "interop",
        quick: false,
        advice: "what differs stands above, behind UNEXPECTED; tests/interop/src/deviation.rs lists \
                 what is known of the SDKs",
        run: run_interop,
    },
    Step {
        name: "deny",
        quick: false,
        advice: "choose another dependency, or argue for it in deny.toml",
        run: deny,
    },
];

/// Packages that have examples, and where those lie.
const EXAMPLES: [(&str, &str); 2] =
    [("throughline", "examples"), ("queues", "examples/queues/examples")];

/// No example needs more than a moment; a machine under load gets this long.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// Both runs take some seconds; a machine under load gets this long.
const BROWSER_LIMIT: Duration = Duration::from_secs(300);

/// Seconds per fuzz target: a short look, on top of its corpus.
const FUZZ_SECONDS: u64 = 8;

/// What the steps of one run share.
pub(crate) struct Session {
    /// The top of the repository.
    pub(crate) root: PathBuf,
    /// Seconds per fuzz target.
    pub(crate) fuzz_seconds: u64,
    /// Seconds under load.
    pub(crate) soak_seconds: u64,
    /// Counted by the steps that run tests.
    tests: TestSummary,
}

impl Session {
    /// In this repository.
    pub(crate) fn new(fuzz_seconds: u64, soak_seconds: u64) -> Self {
        let tests = TestSummary::default();
        Self { root: folders::root(), fuzz_seconds, soak_seconds, tests }
    }
}

/// Runs the steps up to the first that fails, then prints the table and the number of tests.
pub(crate) fn test(quick: bool) -> ExitCode {
    let mut session = Session::new(FUZZ_SECONDS, 0);
    let succeeded = run(STEPS, quick, &mut session);
    println!("{}", session.tests.last_line());
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs steps up to the first that fails, prints the table, and says whether none has failed.
pub(crate) fn run(steps: &[Step], quick: bool, session: &mut Session) -> bool {
    let (rows, failure) = run_all(steps, quick, session);
    println!("\n{}", report::table(&rows));
    if let Some((step, error)) = &failure {
        println!("{} failed: {error}\nwhat to do: {}\n", step.name, step.advice);
    }
    failure.is_none()
}

fn run_all<'a>(
    steps: &'a [Step],
    quick: bool,
    session: &mut Session,
) -> (Vec<Row>, Option<(&'a Step, StepError)>) {
    let mut rows = Vec::new();
    let mut failure = None;
    for step in steps {
        let mut row = Row { name: step.name, time: Duration::ZERO, outcome: Outcome::NotReached };
        if quick && !step.quick {
            row.outcome = Outcome::LeftOut;
        } else if failure.is_none() {
            println!("\n=== {} ===", step.name);
            let start = Instant::now();
            let result = (step.run)(session);
            row.time = start.elapsed();
            row.outcome = if result.is_ok() { Outcome::Ok } else { Outcome::Failed };
            failure = result.err().map(|error| (step, error));
        }
        rows.push(row);
    }
    (rows, failure)
}

fn fmt(session: &mut Session) -> Result<(), StepError> {
    Cargo::new(&session.root, &["fmt", "--all", "--check"]).run()?;
    // They are built by `conformance` and `peers` only, but a diff shows them like all others.
    for manifest in conformance::PEERS.into_iter().chain([scenarios::LAYERS]) {
        Cargo::new(&session.root, &["fmt", "--manifest-path", manifest, "--check"]).run()?;
    }
    Ok(())
}

fn install_packages(session: &mut Session) -> Result<(), StepError> {
    install::debian_packages(&session.root)?;
    install::gungraun_runner(&session.root)
}

fn clippy(session: &mut Session) -> Result<(), StepError> {
    let arguments =
        ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    Cargo::new(&session.root, &arguments).run()
}

fn tests(session: &mut Session) -> Result<(), StepError> {
    // Without --no-fail-fast the sums would leave out what stands behind the first failure.
    let arguments = ["test", "--workspace", "--all-features", "--no-fail-fast"];
    let summary = &mut session.tests;
    Cargo::new(&session.root, &arguments).run_seeing(|line| summary.see(line))?;
    nothing_is_left_out(summary)
}

fn nothing_is_left_out(summary: &TestSummary) -> Result<(), StepError> {
    summary.objection().map_or(Ok(()), |objection| Err(StepError::Rule(objection)))
}

/// The module for browsers, in Node and in headless Chromium.
fn browser(session: &mut Session) -> Result<(), StepError> {
    install::npm_packages(&session.root, "js/test")?;
    let runner = ["--experimental-websocket", "--test", "--test-reporter=spec"];
    let files = ["js/test/node.test.js", "js/test/chromium.test.js", "js/test/types.test.js"];
    let arguments = [&runner[..], &files].concat();
    let node = Cargo::other(&session.root, Path::new("node"), &arguments);
    let summary = &mut session.tests;
    node.run_seeing_within(BROWSER_LIMIT, |line| summary.see(line))?;
    nothing_is_left_out(summary)
}

fn docs(session: &mut Session) -> Result<(), StepError> {
    Cargo::new(&session.root, &["doc", "--workspace", "--all-features", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

/// No feature, and each feature alone. Pairs of features are a matter of releases.
fn single_features(session: &mut Session) -> Result<(), StepError> {
    let manifest = session.root.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|e| unreadable(&manifest, &e))?;
    let check = ["check", "-p", "throughline", "--no-default-features"];
    Cargo::new(&session.root, &check).run()?;
    for feature in features::names(&text) {
        let arguments = [&check[..], &["--features", &feature]].concat();
        Cargo::new(&session.root, &arguments).run()?;
    }
    Ok(())
}

fn run_examples(session: &mut Session) -> Result<(), StepError> {
    for (package, folder) in EXAMPLES {
        run_examples_of(&session.root, package, &session.root.join(folder))?;
    }
    Ok(())
}

fn run_examples_of(root: &Path, package: &str, folder: &Path) -> Result<(), StepError> {
    let examples = examples::find(folder).map_err(|e| unreadable(folder, &e))?;
    if examples.is_empty() {
        println!("there are no examples in {}", folder.display());
        return Ok(());
    }
    // Built first, so that the time limit counts their running only.
    Cargo::new(root, &["build", "-p", package, "--all-features", "--examples"]).run()?;
    for example in examples {
        if example.ends {
            let name = &example.name;
            Cargo::new(root, &["run", "-p", package, "--all-features", "--example", name])
                .run_within(EXAMPLE_LIMIT)?;
        } else {
            println!("{} is built but not run: its docs say `{}`", example.name, examples::ENDLESS);
        }
    }
    Ok(())
}

/// The counts of the benches, and then whether it would be seen if they were others.
fn bench_gate(session: &mut Session) -> Result<(), StepError> {
    bench::run(&session.root, &bench::Mode::Check { filter: String::new() })?;
    bench::run(&session.root, &bench::Mode::Drill)
}

/// Every target, for some time each.
pub(crate) fn fuzz(session: &mut Session) -> Result<(), StepError> {
    install::cargo_subcommand(&session.root, "fuzz")?;
    let folder = session.root.join("fuzz/fuzz_targets");
    let targets = examples::find(&folder).map_err(|e| unreadable(&folder, &e))?;
    if targets.is_empty() {
        return Err(StepError::Rule("there are no fuzz targets".to_owned()));
    }
    let time = format!("-max_total_time={}", session.fuzz_seconds);
    for target in targets {
        // Neither the findings of this run nor those of an earlier one belong to the sources.
        let seeds = format!("fuzz/corpus/{}", target.name);
        let found = format!("fuzz/target/corpus/{}", target.name);
        fs::create_dir_all(session.root.join(&found))
            .map_err(|e| unreadable(&session.root.join(&found), &e))?;
        let name = target.name.as_str();
        let dictionary = format!("fuzz/dictionaries/{name}.dict");
        let known = session.root.join(&dictionary).exists();
        let dictionary = format!("-dict={}", session.root.join(dictionary).display());
        let mut arguments =
            vec!["fuzz", "run", name, &found, &seeds, "--", &time, "-print_final_stats=1"];
        arguments.extend(known.then_some(dictionary.as_str()));
        // The pinned compiler has the sanitizers, but lets only a nightly ask for them.
        Cargo::new(&session.root, &arguments).env("RUSTC_BOOTSTRAP", "1").run()?;
    }
    Ok(())
}

fn pipeline(session: &mut Session) -> Result<(), StepError> {
    Cargo::new(&session.root, &["run", "-p", "pipeline"]).run()
}

fn run_interop(session: &mut Session) -> Result<(), StepError> {
    interop::run(&session.root)
}

fn deny(session: &mut Session) -> Result<(), StepError> {
    install::cargo_subcommand(&session.root, "deny")?;
    // Without --workspace, only what the root package needs would be looked at.
    let arguments =
        ["deny", "--workspace", "--all-features", "check", "bans", "licenses", "sources"];
    Cargo::new(&session.root, &arguments).run()
}

fn unreadable(path: &Path, source: &io::Error) -> StepError {
    StepError::Rule(format!("{} could not be read: {source}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Step = Step { name: "good", quick: true, advice: "", run: |_| Ok(()) };
    const SLOW: Step = Step { name: "slow", quick: false, advice: "", run: |_| Ok(()) };
    const BAD: Step = Step {
        name: "bad",
        quick: true,
        advice: "",
        run: |_| Err(StepError::Rule("broken".to_owned())),
    };

    fn outcomes(steps: &[Step], quick: bool) -> (Vec<Outcome>, Option<&'static str>) {
        let mut session = Session::new(0, 0);
        let (rows, failure) = run_all(steps, quick, &mut session);
        (rows.iter().map(|row| row.outcome).collect(), failure.map(|(step, _)| step.name))
    }

    #[test]
    fn nothing_runs_after_the_first_failure() {
        let (outcomes, failed) = outcomes(&[GOOD, BAD, GOOD, SLOW], false);
        assert_eq!(failed, Some("bad"));
        use Outcome::{Failed, NotReached, Ok};
        assert_eq!(outcomes, [Ok, Failed, NotReached, NotReached]);
    }

    #[test]
    fn quick_says_what_it_leaves_out() {
        assert_eq!(outcomes(&[GOOD, SLOW], true), (vec![Outcome::Ok, Outcome::LeftOut], None));
        assert_eq!(outcomes(&[GOOD, SLOW], false), (vec![Outcome::Ok, Outcome::Ok], None));
    }

    #[test]
    fn steps_have_different_names() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
