//! The public API of the published packages as text, so that a change of it is seen in a diff.

use std::fs;
use std::path::Path;

use crate::command::{Cargo, StepError};
use crate::folders;
use crate::install;

/// Packages that others depend on.
const PACKAGES: [&str; 2] = ["throughline", "throughline-testkit"];

/// Lists the API of each package, with all features.
///
/// # Errors
/// If a page in `docs/api` says otherwise, unless it is to be written.
pub(crate) fn run(root: &Path, write_docs: bool) -> Result<(), StepError> {
    install::cargo_subcommand(root, "public-api")?;
    let mut objections = Vec::new();
    for package in PACKAGES {
        let api = api(root, package)?;
        let page = format!("docs/api/{package}.txt");
        let path = root.join(&page);
        let failed = |error| StepError::Rule(format!("{page}: {error}"));
        if write_docs {
            fs::create_dir_all(root.join("docs/api")).map_err(failed)?;
            fs::write(&path, &api).map_err(failed)?;
        }
        objections.extend(objection(&page, &api, fs::read_to_string(&path).ok().as_deref()));
    }
    if objections.is_empty() { Ok(()) } else { Err(StepError::Rule(objections.join("\n"))) }
}

fn api(root: &Path, package: &str) -> Result<String, StepError> {
    let json = ["rustdoc", "-p", package, "--lib", "--all-features"];
    let format = ["--", "-Z", "unstable-options", "--output-format=json", "--cap-lints=allow"];
    let target = folders::target(root).join("api");
    // The pinned compiler writes JSON, but lets only a nightly ask for it.
    Cargo::new(root, &[&json[..], &format].concat())
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target.to_string_lossy())
        .run()?;
    let file = target.join(format!("doc/{}.json", package.replace('-', "_")));
    // Without what every type has anyway.
    let list = ["public-api", "-ss", "--rustdoc-json", &file.to_string_lossy()];
    Cargo::new(root, &list).output()
}

fn objection(page: &str, api: &str, written: Option<&str>) -> Option<String> {
    let written = written.unwrap_or_default();
    if written == api {
        return None;
    }
    let gone = written.lines().filter(|line| !api.lines().any(|own| own == *line)).count();
    let new = api.lines().filter(|line| !written.lines().any(|own| own == *line)).count();
    Some(format!(
        "{page} says otherwise: {gone} lines of it are gone, {new} are new; \
         `cargo xtask api --write-docs` writes it anew"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_that_its_page_does_not_show_is_objected_to() {
        assert_eq!(objection("page", "a\nb\n", Some("a\nb\n")), None);
        for (written, text) in
            [(None, "0 lines of it are gone, 2"), (Some("a\nc\n"), "1 lines of it are gone, 1")]
        {
            let objection = objection("page", "a\nb\n", written).unwrap();
            assert!(objection.contains(text), "{objection}");
        }
    }
}
