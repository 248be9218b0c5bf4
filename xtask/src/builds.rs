//! What it costs to depend on this library and on others: crates, and the work of building them from
//! nothing.

use std::fs;
use std::path::Path;

use page::Built;
use scratch::Scratch;
use subject::subjects;

use crate::command::{Cargo, StepError};

mod page;
mod scratch;
mod subject;

/// How often to build, and what to do beside printing the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Builds of each, in turns. With none, crates are counted alone.
    pub(crate) rounds: u32,
    pub(crate) write_docs: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { rounds: 1, write_docs: false }
    }
}

const PAGE: &str = "docs/peers-builds.md";

/// Counts and builds everybody, and prints the page.
///
/// # Errors
/// If this library cannot be built, or the page not be written. A peer that cannot is in the page.
pub(crate) fn run(root: &Path, options: Options) -> Result<(), StepError> {
    let subjects = subjects(root)?;
    let mut built = Vec::new();
    // Counting also downloads, which is no part of a build.
    for subject in &subjects {
        let crates = Scratch::new(root, subject)?.crates()?;
        built.push(Built { head: subject.head(root), crates, cpu: Vec::new() });
    }
    for round in 1..=options.rounds {
        for (subject, built) in subjects.iter().zip(&mut built) {
            println!("round {round} of {}: {}", options.rounds, built.head);
            // A target folder has hundreds of megabytes: there is one at a time.
            match Scratch::new(root, subject)?.build() {
                Ok(cpu) => {
                    println!("{:.1} s of processors", cpu.as_secs_f64());
                    built.cpu.push(cpu);
                }
                Err(error) if subject.is_ours() => return Err(error),
                Err(error) => println!("{error}"),
            }
        }
    }
    let rustc = Cargo::other(root, Path::new("rustc"), &["--version"]).answer();
    let rustc = rustc.as_deref().map_or("rustc ?", str::trim);
    let page = page::page(&subjects, &built, options.rounds, rustc)?;
    println!("\n{page}");
    if options.write_docs {
        let unwritten = |error| StepError::Rule(format!("{PAGE}: {error}"));
        fs::write(root.join(PAGE), &page).map_err(unwritten)?;
    }
    Ok(())
}
