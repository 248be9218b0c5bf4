//! A crate that does nothing but depend on somebody, in a folder of its own that goes with it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::subject::Subject;
use crate::command::{Cargo, StepError};

/// Below the folder for temporary files.
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// With the versions of the subject's lock file.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub(super) fn new(root: &Path, subject: &Subject) -> Result<Self, StepError> {
        let folder = env::temp_dir().join(format!("throughline-builds-{}", process::id()));
        let scratch = Self { folder };
        let failed =
            |error: io::Error| StepError::Rule(format!("{}: {error}", scratch.folder.display()));
        fs::create_dir_all(scratch.folder.join("src")).map_err(failed)?;
        fs::write(scratch.folder.join("src/lib.rs"), "").map_err(failed)?;
        let manifest = format!("{PACKAGE}{}\n", subject.dependencies);
        fs::write(scratch.folder.join("Cargo.toml"), manifest).map_err(failed)?;
        fs::copy(root.join(subject.lock), scratch.folder.join("Cargo.lock")).map_err(failed)?;
        Ok(scratch)
    }

    /// Crates that are compiled for this machine, those of build scripts and procedural macros among
    /// them, each version once.
    ///
    /// # Errors
    /// If cargo cannot resolve or download them.
    pub(super) fn crates(&self) -> Result<usize, StepError> {
        let tree = ["tree", "--edges", "normal,build", "--prefix", "none", "--quiet"];
        Ok(crates(&Cargo::new(&self.folder, &tree).output()?))
    }

    /// The time that processors work for it, whatever else they do beside it.
    ///
    /// # Errors
    /// If it cannot be built.
    pub(super) fn build(&self) -> Result<Duration, StepError> {
        let target = self.folder.join("target");
        let before = spent_by_children()?;
        Cargo::new(&self.folder, &["build", "--quiet"])
            .env("CARGO_TARGET_DIR", &target.to_string_lossy())
            // Crates of a registry are not built for small changes either.
            .env("CARGO_INCREMENTAL", "0")
            // A cache of compiled crates would be measured in place of the compiler.
            .env("RUSTC_WRAPPER", "")
            .run()?;
        Ok(spent_by_children()?.saturating_sub(before))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left behind lies among other temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Of all that have ended, and of theirs.
fn spent_by_children() -> Result<Duration, StepError> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|error| StepError::Rule(format!("getrusage: {error}")))?;
    Ok(duration(usage.user_time()) + duration(usage.system_time()))
}

fn duration(time: TimeVal) -> Duration {
    let part = |part: i64| u64::try_from(part).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec())) + Duration::from_micros(part(time.tv_usec()))
}

/// Without the first one, which is the scratch crate. Lines are `name version (what else)`.
fn crates(tree: &str) -> usize {
    let crates = tree.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    crates.collect::<BTreeSet<_>>().len()
}

/// Outside of any workspace.
const PACKAGE: &str = "\
[package]
name = \"depends\"
version = \"0.0.0\"
edition = \"2024\"
publish = false

[workspace]

[dependencies]
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_for_each_of_its_versions() {
        let tree = "\
depends v0.0.0 (/tmp/x)
throughline v0.1.0 (/src)
http v1.5.0
bytes v1.12.0
pin-project-internal v1.1.13 (proc-macro)
bytes v1.12.0 (*)
http v0.2.12

";
        assert_eq!(crates(tree), 5);
    }

    #[test]
    fn what_processes_have_worked_is_seen_when_they_have_ended() {
        let before = spent_by_children().unwrap();
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        process::Command::new("sh").args(["-c", busy]).status().unwrap();
        assert!(spent_by_children().unwrap() > before);
    }
}
