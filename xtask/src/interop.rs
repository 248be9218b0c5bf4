//! Installs the SDKs of other languages and sends traces through them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{Cargo, StepError};
use crate::folders::target;
use crate::install::{self, Tool};

/// What the full run needs beside Rust.
const TOOLS: &[Tool] = &[
    ("node", &["--version"], "nodejs, 20.19 or newer"),
    ("npm", &["--version"], "npm"),
    ("python3", &["-c", "import venv, ensurepip"], "python3-venv"),
];

/// All chains take some seconds; a machine under load gets this long.
const LIMIT: Duration = Duration::from_secs(300);

/// Installs what `tests/interop` pins, if that has not been done yet, and runs it.
///
/// # Errors
/// If a tool is missing, something cannot be installed, or a chain comes out otherwise than expected.
pub(crate) fn run(root: &Path) -> Result<(), StepError> {
    let missing = install::missing(root, TOOLS);
    if !missing.is_empty() {
        return Err(StepError::Rule(install::install_these(&missing)));
    }
    install::npm_packages(root, "tests/interop/node")?;
    let python = install_python(root)?;
    Cargo::new(root, &["build", "-p", "interop"]).run()?;
    let python = python.to_string_lossy();
    Cargo::new(root, &["run", "-p", "interop", "--", "--python", &python]).run_within(LIMIT)
}

/// Returns the interpreter.
fn install_python(root: &Path) -> Result<PathBuf, StepError> {
    let folder = target(root).join("interop/venv");
    let python = folder.join("bin/python");
    install::once(&root.join("tests/interop/python/requirements.txt"), &folder, || {
        let venv = folder.to_string_lossy();
        Cargo::other(root, Path::new("python3"), &["-m", "venv", "--clear", &venv]).run()?;
        let pip = ["-m", "pip", "--disable-pip-version-check"];
        let list =
            ["install", "--quiet", "--no-deps", "-r", "tests/interop/python/requirements.txt"];
        Cargo::other(root, &python, &[&pip[..], &list].concat()).run()?;
        // Without --no-deps, something unpinned could come along; with it, something could be missing.
        Cargo::other(root, &python, &[&pip[..], &["check"]].concat()).run()
    })?;
    Ok(python)
}
