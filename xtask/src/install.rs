//! Installs the tools that are needed now and then, where they are needed.

use std::fs;
use std::path::Path;

use conformance::version_in;

use crate::command::{Cargo, StepError};

/// A program with arguments that show that it is there, and what Debian calls the package.
pub(crate) type Tool = (&'static str, &'static [&'static str], &'static str);

/// What cargo builds and tests with, beside Rust and a C compiler.
const TOOLS: &[Tool] = &[
    // For librdkafka, which `examples/queues` builds.
    ("make", &["--version"], "make"),
    ("c++", &["--version"], "g++"),
    // For the tests of `js` and of the pipeline's page.
    ("node", &["--version"], "nodejs"),
    ("npm", &["--version"], "npm"),
    ("chromium", &["--version"], "chromium"),
    // For the benches.
    ("valgrind", &["--version"], "valgrind"),
    // Tests start servers of their own.
    ("sh", &["-c", "PATH=$PATH:/usr/sbin nats-server --version"], "nats-server"),
    ("test", &["-x", "/usr/lib/rabbitmq/bin/rabbitmq-server"], "rabbitmq-server"),
];

/// Installs what [`TOOLS`] are missing, on Debian and as root.
///
/// # Errors
/// If something is missing and cannot be installed.
pub(crate) fn debian_packages(root: &Path) -> Result<(), StepError> {
    let packages = missing(root, TOOLS);
    if packages.is_empty() {
        return Ok(());
    }
    let install = ["install", "--yes", "--no-install-recommends"];
    apt_get(root, &["update"])
        .and_then(|()| apt_get(root, &[&install[..], &packages].concat()))
        .map_err(|error| StepError::Rule(format!("{error}; {}", install_these(&packages))))
}

fn apt_get(root: &Path, arguments: &[&str]) -> Result<(), StepError> {
    Cargo::other(root, Path::new("apt-get"), arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
}

/// The packages of the tools that are not there.
pub(crate) fn missing(root: &Path, tools: &[Tool]) -> Vec<&'static str> {
    let gone = tools.iter().filter(|(program, arguments, _)| {
        !Cargo::other(root, Path::new(program), arguments).succeeds()
    });
    gone.map(|(_, _, package)| *package).collect()
}

pub(crate) fn install_these(packages: &[&str]) -> String {
    format!("install these (names of Debian's packages): {}", packages.join("; "))
}

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

/// Installs what the lock file in `folder` pins, if that has not been done yet.
///
/// # Errors
/// If it cannot be installed.
pub(crate) fn npm_packages(root: &Path, folder: &str) -> Result<(), StepError> {
    let path = root.join(folder);
    once(&path.join("package-lock.json"), &path.join("node_modules"), || {
        // Nothing here needs the scripts of packages, so they do not run.
        let arguments = ["ci", "--prefix", folder, "--engine-strict", "--ignore-scripts"];
        let quiet = ["--no-audit", "--no-fund"];
        Cargo::other(root, Path::new("npm"), &[&arguments[..], &quiet].concat()).run()
    })
}

/// Runs `install` unless `folder` was installed from the same `list` before.
///
/// # Errors
/// If it fails, or the memory of it cannot be kept.
pub(crate) fn once(
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

/// Makes gungraun's runner available, which takes benches of its own version only.
///
/// # Errors
/// If it is not there and cannot be installed.
pub(crate) fn gungraun_runner(root: &Path) -> Result<(), StepError> {
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let version = version_in(&lock, "gungraun");
    let there = Cargo::other(root, Path::new("gungraun-runner"), &["--version"]).answer();
    if there.is_some_and(|answer| answer.trim_end().ends_with(&format!(" {version}"))) {
        return Ok(());
    }
    println!("gungraun-runner {version} is not installed; building it takes some minutes, once");
    let install = ["install", "--locked", "--force", "gungraun-runner", "--version", version];
    Cargo::new(root, &install).run()
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn a_missing_tool_is_named_with_its_package() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools: &[Tool] =
            &[("no-such-program", &[], "the-package"), ("cargo", &["--version"], "cargo")];
        let packages = missing(root, tools);
        assert_eq!(packages, ["the-package"]);
        assert!(install_these(&packages).contains("the-package"));
        assert!(missing(root, &tools[1..]).is_empty());
    }

    #[test]
    fn an_installation_is_repeated_only_if_its_list_has_changed_or_it_failed() {
        let folder = env::temp_dir().join(format!("xtask-install-{}", std::process::id()));
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
