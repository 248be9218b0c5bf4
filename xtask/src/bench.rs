//! The gate of the benches: what they cost is compared with what is committed.

use std::path::Path;

pub(crate) use counts::Cost;
use counts::{Counts, Recorded};
pub(crate) use judge::exceeded;
use judge::{Committed, Counted, Verdict, judge, judge_edits};
pub(crate) use machine::Machine;
use measure::measure;
use revision::Scratch;
pub(crate) use revision::{earlier, last_version};

use crate::command::StepError;

mod counts;
mod drill;
pub(crate) mod found;
mod judge;
mod machine;
mod measure;
mod repeat;
mod revision;
pub(crate) mod summary;
mod table;

/// What to do with the counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Compare those of some benches with the committed ones: those whose names begin so.
    Check { filter: String },
    /// Commit what has changed, for this reason.
    Write { reason: String },
    /// Compare them with those of another revision too.
    Base { revision: String, filter: String },
    /// Compare them with each other, of so many runs.
    Runs { number: u32, filter: String },
    /// See whether the gate fails where it should.
    Drill,
}

/// Stands behind every objection of the gate.
pub(crate) const ADVICE: &str = "\
what costs more than it should is made cheaper; what is worth its cost is committed by \
`cargo xtask bench --write \"reason\"`, see CONTRIBUTING.md";

/// Counts, prints a table, and judges.
///
/// # Errors
/// If a bench cannot be run, or the gate objects to something.
pub(crate) fn run(root: &Path, mode: &Mode) -> Result<(), StepError> {
    match mode {
        Mode::Check { filter } => check(root, filter),
        Mode::Write { reason } => write(root, reason),
        Mode::Base { revision, filter } => compare(root, revision, filter),
        Mode::Runs { number, filter } => repeat::run(root, *number, filter),
        Mode::Drill => drill::run(root),
    }
}

fn check(root: &Path, filter: &str) -> Result<(), StepError> {
    let counts = committed(root)?;
    // Counting takes a minute, and this no time.
    let edits = edits(root, &counts, revision::earlier(root).as_deref())?;
    if !edits.is_empty() {
        return Err(objection(&edits));
    }
    let (_, verdict) = judged(root, &counts, filter)?;
    ended(verdict)
}

fn committed(root: &Path) -> Result<Counts, StepError> {
    Counts::read(root)?.ok_or_else(|| StepError::Rule(format!("there is no {}", counts::PATH)))
}

/// What was counted, and what the gate says of it.
fn judged(root: &Path, counts: &Counts, filter: &str) -> Result<(Counted, Verdict), StepError> {
    let counted = measure(root, filter)?;
    println!("\n{}", table::committed(&counted, counts));
    let differences = Machine::here(root).differences(&counts.machine.on);
    let committed = Committed { counts, here: differences.is_empty() };
    let mut verdict = judge(&counted, &committed, filter);
    if !differences.is_empty() {
        verdict.warnings.push(elsewhere(&differences));
    }
    Ok((counted, verdict))
}

/// What has changed in the file without a new reason.
fn edits(root: &Path, counts: &Counts, earlier: Option<&str>) -> Result<Vec<String>, StepError> {
    let base = earlier.map(|revision| revision::counts(root, revision)).transpose()?.flatten();
    match (earlier, &base) {
        (None, _) => println!(
            "there is no earlier revision here: nobody sees what has changed in {}",
            counts::PATH
        ),
        (Some(revision), None) => println!("{revision} has no {}", counts::PATH),
        (Some(revision), Some(_)) => {
            println!("changes of {} are those since {revision}", counts::PATH)
        }
    }
    Ok(judge_edits(counts, base.as_ref()))
}

fn elsewhere(differences: &[String]) -> String {
    format!(
        "the committed counts are those of another machine ({}), so that instructions only warn; \
         `cargo xtask bench --base main` compares on this one",
        differences.join(", ")
    )
}

fn ended(verdict: Verdict) -> Result<(), StepError> {
    for warning in &verdict.warnings {
        println!("warning: {warning}");
    }
    if verdict.failures.is_empty() { Ok(()) } else { Err(objection(&verdict.failures)) }
}

fn objection(failures: &[String]) -> StepError {
    StepError::Rule(format!("{}\n{ADVICE}", failures.join("\n")))
}

fn write(root: &Path, reason: &str) -> Result<(), StepError> {
    let counted = measure(root, "")?;
    let counts = Counts::read(root)?.unwrap_or_default();
    let on = Machine::here(root);
    let committed = Committed { counts: &counts, here: counts.machine.on == on };
    let mut written = judge::renewed(&counted, &committed, reason);
    if !committed.here {
        written.machine = Recorded { on, reason: reason.to_owned() };
    }
    written.write(root)?;
    println!("\n{}", table::committed(&counted, &counts));
    // A budget is not written away, and neither is a reason that was given before.
    let committed = Committed { counts: &written, here: true };
    let mut verdict = judge(&counted, &committed, "");
    verdict.failures.extend(edits(root, &written, revision::earlier(root).as_deref())?);
    ended(verdict)
}

fn compare(root: &Path, revision: &str, filter: &str) -> Result<(), StepError> {
    let counts = committed(root)?;
    let edits = edits(root, &counts, Some(revision))?;
    let (counted, mut verdict) = judged(root, &counts, filter)?;
    let scratch = Scratch::new(root, revision)?;
    let base = measure(&scratch.folder, filter)?;
    println!("\n{}", table::revisions(&counted, &base, revision));
    verdict.failures.extend(edits);
    ended(verdict)
}
