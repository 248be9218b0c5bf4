//! Installs the tools that are needed now and then, where they are needed.

use std::path::Path;

use crate::command::{Cargo, StepError};

/// Makes `cargo <subcommand>` available, from the package `cargo-<subcommand>`.
///
/// # Errors
/// If it is not there and cannot be installed.
pub(crate) fn cargo_subcommand(root: &Path, subcommand: &str) -> Result<(), StepError> {
    if Cargo::new(root, &[subcommand, "--version"]).succeeds() {
        return Ok(());
    }
    let package = format!("cargo-{subcommand}");
    println!("{package} is not installed; building it takes some minutes, once");
    Cargo::new(root, &["install", "--locked", &package]).run()
}
