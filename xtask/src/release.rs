//! The steps of `cargo xtask release`: what takes too long for every change.

use std::process::ExitCode;

use crate::bench;
use crate::builds;
use crate::command::{Cargo, StepError};
use crate::conformance;
use crate::install;
use crate::peers;
use crate::public_api;
use crate::scenarios;
use crate::soak;
use crate::steps::{self, Session, Step};
use crate::times;

/// What to do, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// The one step to run, or none for all.
    pub(crate) only: Option<String>,
    /// Seconds per fuzz target.
    pub(crate) fuzz_seconds: u64,
    /// Seconds that the pipeline is under load.
    pub(crate) soak_seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { only: None, fuzz_seconds: 600, soak_seconds: 300 }
    }
}

/// Cheap and frequent failures first. `cargo xtask test` is not repeated.
pub(crate) const STEPS: &[Step] = &[
    step("api", api, "`cargo xtask api --write-docs` writes the pages of the public API anew"),
    step("semver", semver, "undo the break, or raise the version in Cargo.toml"),
    step("features", pairs_of_features, "the last command above breaks; look at the `cfg`s"),
    step("runs", runs, "look for a hash map, a clock or a race in the benches that vary"),
    step("soak", under_load, "the logs of the services lie in target/soak"),
    step("conformance", peers_conformance, "see CONTRIBUTING.md, Before a release"),
    step("peers", peers_cost, "see CONTRIBUTING.md, Before a release"),
    step("scenarios", peers_scenarios, "see CONTRIBUTING.md, Before a release"),
    step("loopback", peers_loopback, "see CONTRIBUTING.md, Before a release"),
    step("messages", peers_messages, "see CONTRIBUTING.md, Before a release"),
    step("builds", peers_builds, "see CONTRIBUTING.md, Before a release"),
    step("fuzz", steps::fuzz, "the input that broke the target lies in fuzz/artifacts"),
];

/// Runs the steps up to the first that fails, then prints the table.
pub(crate) fn run(options: &Options) -> ExitCode {
    let mut session = Session::new(options.fuzz_seconds, options.soak_seconds);
    let chosen = |step: &&Step| options.only.as_ref().is_none_or(|only| only == step.name);
    let steps: Vec<_> = STEPS.iter().filter(chosen).copied().collect();
    if steps::run(&steps, false, &mut session) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

const fn step(
    name: &'static str,
    run: fn(&mut Session) -> Result<(), StepError>,
    advice: &'static str,
) -> Step {
    Step { name, quick: true, advice, run }
}

fn api(session: &mut Session) -> Result<(), StepError> {
    public_api::run(&session.root, false)
}

/// Against the last version, or where there is none yet, against where this branch left `main`.
fn semver(session: &mut Session) -> Result<(), StepError> {
    let root = &session.root;
    let Some(base) = bench::last_version(root).or_else(|| bench::earlier(root)) else {
        println!("there is no earlier revision here to compare the public API with");
        return Ok(());
    };
    install::cargo_subcommand(root, "semver-checks")?;
    let arguments =
        ["semver-checks", "-p", "throughline", "--all-features", "--baseline-rev", &base];
    Cargo::new(root, &arguments).run()
}

/// No feature, each alone, and each pair.
fn pairs_of_features(session: &mut Session) -> Result<(), StepError> {
    install::cargo_subcommand(&session.root, "hack")?;
    let powerset =
        ["hack", "clippy", "-p", "throughline", "--lib", "--feature-powerset", "--depth", "2"];
    Cargo::new(&session.root, &[&powerset[..], &["--", "-D", "warnings"]].concat()).run()
}

fn runs(session: &mut Session) -> Result<(), StepError> {
    bench::run(&session.root, &bench::Mode::Runs { number: 3, filter: String::new() })
}

fn under_load(session: &mut Session) -> Result<(), StepError> {
    soak::run(&session.root, session.soak_seconds)
}

fn peers_conformance(session: &mut Session) -> Result<(), StepError> {
    conformance::run(&session.root, conformance::Options::default())
}

fn peers_cost(session: &mut Session) -> Result<(), StepError> {
    peers::run(&session.root, false)
}

fn peers_scenarios(session: &mut Session) -> Result<(), StepError> {
    scenarios::run(&session.root, false)
}

fn peers_messages(session: &mut Session) -> Result<(), StepError> {
    times::MESSAGES.measure(&session.root, false)
}

fn peers_loopback(session: &mut Session) -> Result<(), StepError> {
    times::LOOPBACK.measure(&session.root, false)
}

fn peers_builds(session: &mut Session) -> Result<(), StepError> {
    builds::run(&session.root, builds::Options::default())
}
