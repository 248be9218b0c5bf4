//! What layers leave of axum's throughput: the program that measures it is run, and its page kept.
//!
//! A page of times is not compared with the next one: they differ from run to run.

use std::fs;
use std::path::Path;

use crate::command::{Cargo, StepError};
use crate::scenarios::LAYERS;

const PAGE: &str = "docs/peers-loopback.md";

/// By the profile of the benches.
const PROGRAM: [&str; 7] =
    ["run", "--profile", "bench", "--manifest-path", LAYERS, "--bin", "loopback"];

/// Measures everybody and prints the page.
///
/// # Errors
/// If a server cannot be run, or the page not be written. A missed budget is none.
pub(crate) fn run(root: &Path, write_docs: bool) -> Result<(), StepError> {
    let page = Cargo::new(root, &PROGRAM).output()?;
    println!("\n{page}");
    if write_docs {
        let unwritten = |error| StepError::Rule(format!("{PAGE}: {error}"));
        fs::write(root.join(PAGE), &page).map_err(unwritten)?;
    }
    Ok(())
}
