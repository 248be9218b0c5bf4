//! Times, here and elsewhere: a program that measures them is run, and its page kept.
//!
//! A page of times is not compared with the next one: they differ from run to run.

use std::fs;
use std::path::Path;

use crate::command::{Cargo, StepError};
use crate::scenarios::LAYERS;

/// A program and the page that it prints.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Times {
    page: &'static str,
    program: &'static [&'static str],
}

/// What layers leave of axum's throughput. By the profile of the benches, and without the allocator that
/// counts, which would measure itself.
pub(crate) const LOOPBACK: Times = Times {
    page: "docs/peers-loopback.md",
    program: &[
        "run",
        "--profile=bench",
        "--no-default-features",
        "--manifest-path",
        LAYERS,
        "--bin=loopback",
    ],
};

/// What the context of a message costs beside copying its text.
pub(crate) const MESSAGES: Times = Times {
    page: "docs/peers-messages.md",
    program: &["bench", "--manifest-path", "benches/peers/Cargo.toml", "--bench", "messages"],
};

impl Times {
    /// Measures everybody and prints the page.
    ///
    /// # Errors
    /// If the program cannot be run, or the page not be written. A missed budget is none.
    pub(crate) fn measure(&self, root: &Path, write_docs: bool) -> Result<(), StepError> {
        let page = Cargo::new(root, self.program).output()?;
        println!("\n{page}");
        if write_docs {
            let unwritten = |error| StepError::Rule(format!("{}: {error}", self.page));
            fs::write(root.join(self.page), &page).map_err(unwritten)?;
        }
        Ok(())
    }
}
