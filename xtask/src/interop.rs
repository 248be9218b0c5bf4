//! Installs the SDKs of other languages and sends traces through them.

use std::fs;
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
    install_node(root)?;
    let python = install_python(root)?;
    Cargo::new(root, &["build", "-p", "interop"]).run()?;
    let python = python.to_string_lossy();
    Cargo::new(root, &["run", "-p", "interop", "--", "--python", &python]).run_within(LIMIT)
}

fn install_node(root: &Path) -> Result<(), StepError> {
    let folder = root.join("tests/interop/node");
    once(&folder.join("package-lock.json"), &folder.join("node_modules"), || {
        // Nothing here needs the scripts of packages, so they do not run.
        let arguments =
            ["ci", "--prefix", "tests/interop/node", "--engine-strict", "--ignore-scripts"];
        let quiet = ["--no-audit", "--no-fund"];
        Cargo::other(root, Path::new("npm"), &[&arguments[..], &quiet].concat()).run()
    })
}

/// Returns the interpreter.
fn install_python(root: &Path) -> Result<PathBuf, StepError> {
    let folder = target(root).join("interop/venv");
    let python = folder.join("bin/python");
    once(&root.join("tests/interop/python/requirements.txt"), &folder, || {
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

/// Runs `install` unless `folder` was installed from the same `list` before.
fn once(
    list: &Path,
    folder: &Path,
    install: impl FnOnce() -> Result<(), StepError>,
) -> Result<(), StepError> {
    let failed = |path: &Path, e| StepError::Rule(format!("{}: {e}", path.display()));
    let wanted = fs::read_to_string(list).map_err(|e| failed(list, e))?;
    // It lies inside: who deletes the folder deletes the memory of it.
    let stamp = folder.join(".installed-from");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if stamp.exists() {
        fs::remove_file(&stamp).map_err(|e| failed(&stamp, e))?;
    }
    install()?;
    fs::write(&stamp, wanted).map_err(|e| failed(&stamp, e))
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn an_installation_is_repeated_only_if_its_list_has_changed_or_it_failed() {
        let folder = env::temp_dir().join(format!("xtask-interop-{}", std::process::id()));
        fs::create_dir_all(folder.join("installed")).unwrap();
        let (list, installed) = (folder.join("list"), folder.join("installed"));
        let runs = |result: fn() -> Result<(), StepError>| {
            let mut ran = false;
            let _ = once(&list, &installed, || {
                ran = true;
                result()
            });
            ran
        };
        fs::write(&list, "a==1").unwrap();
        assert!(runs(|| Err(StepError::Rule(String::new()))));
        assert!(runs(|| Ok(())));
        assert!(!runs(|| Ok(())));
        fs::write(&list, "a==2").unwrap();
        assert!(runs(|| Err(StepError::Rule(String::new()))));
        fs::write(&list, "a==1").unwrap();
        assert!(runs(|| Ok(())), "the failure has made the first installation void");
        fs::remove_dir_all(folder).unwrap();
    }
}
