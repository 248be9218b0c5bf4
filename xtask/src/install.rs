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
    // For the benches.
    ("valgrind", &["--version"], "valgrind"),
    // Its tests start a server of their own.
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
}
