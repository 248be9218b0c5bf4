//! Finds the benches that are gated: those of the root package that gungraun runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Cargo, StepError};

/// What the sources say of the benches.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The files below `benches`, without their ending.
    files: Vec<String>,
    /// All that any of them needs: with other features, the same bench is other code.
    features: BTreeSet<String>,
    /// Instructions above which a bench fails, by its name.
    pub(super) budgets: BTreeMap<String, u64>,
}

impl Found {
    /// Asks cargo for the benches, and reads their budgets.
    ///
    /// # Errors
    /// If cargo cannot read the manifest, or a source not be read.
    pub(crate) fn find(root: &Path) -> Result<Self, StepError> {
        let metadata =
            Cargo::new(root, &["metadata", "--no-deps", "--format-version=1"]).output()?;
        let metadata: Value = serde_json::from_str(&metadata).unwrap_or_default();
        let mut found = Self::default();
        for bench in targets(&metadata).filter(|target| target["kind"][0] == "bench") {
            let (Some(name), Some(path)) = (bench["name"].as_str(), bench["src_path"].as_str())
            else {
                continue;
            };
            let source = fs::read_to_string(path)
                .map_err(|error| StepError::Rule(format!("{path} could not be read: {error}")))?;
            if source.contains("#[library_benchmark") {
                found.files.push(name.to_owned());
                found.features.extend(texts(&bench["required-features"]));
                found.budgets.extend(budgets(name, &source));
            }
        }
        Ok(found)
    }

    /// What `cargo bench` is told to run all of them, or those whose name begins with `filter`.
    pub(crate) fn arguments(&self, filter: &str) -> Vec<String> {
        let features = self.features.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let mut arguments = vec!["--features".to_owned(), features];
        let begins = |file: &&String| {
            let prefix = format!("{file}::");
            prefix.starts_with(filter) || filter.starts_with(&prefix)
        };
        for file in self.files.iter().filter(begins) {
            arguments.extend(["--bench".to_owned(), file.clone()]);
        }
        arguments
    }
}

/// Of the root package, which has the name of this library.
fn targets(metadata: &Value) -> impl Iterator<Item = &Value> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let root = packages.filter(|package| package["name"] == "throughline");
    root.flat_map(|package| package["targets"].as_array().into_iter().flatten())
}

fn texts(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned))
}

/// Of each bench with a `budget(…)`, which may stand at its function for all.
// gungraun names a limit only when it is exceeded.
fn budgets(file: &str, source: &str) -> BTreeMap<String, u64> {
    let mut budgets = BTreeMap::new();
    for function in source.split("#[library_benchmark").skip(1) {
        let Some((attributes, code)) = function.split_once("\nfn ") else { continue };
        let mut parts = attributes.split("#[bench::");
        let shared = parts.next().and_then(budget);
        for bench in parts {
            if let Some(budget) = budget(bench).or(shared) {
                budgets.insert(format!("{file}::{}.{}", word(code), word(bench)), budget);
            }
        }
    }
    budgets
}

/// The figure in `budget(1_550)`.
fn budget(text: &str) -> Option<u64> {
    let (figure, _) = text.split_once("budget(")?.1.split_once(')')?;
    figure.replace('_', "").parse().ok()
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Found {
        Found::find(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).unwrap()
    }

    #[test]
    fn budgets_stand_at_a_bench_or_at_its_function() {
        let source = "\
fn budget(instructions: u64) -> Config {}

#[library_benchmark(config = budget(1_550))]
#[bench::shared(setup = bare)]
#[bench::own(
    args = (input(),),
    config = budget(90)
)]
fn first((a, b): Input) {}

// No budget.
#[library_benchmark]
#[bench::none(setup = bare)]
fn second() {}
";
        let expected = [("client::first.own", 90), ("client::first.shared", 1550)];
        let budgets = budgets("client", source);
        assert!(budgets.iter().map(|(name, n)| (name.as_str(), *n)).eq(expected), "{budgets:?}");
    }

    #[test]
    fn the_benches_of_this_repository_are_found_with_their_budgets() {
        let found = here();
        for file in ["client", "server", "wire"] {
            assert!(found.files.iter().any(|name| name == file), "{found:?}");
        }
        let sources: usize = found
            .files
            .iter()
            .map(|file| {
                let path = format!("{}/../benches/{file}.rs", env!("CARGO_MANIFEST_DIR"));
                fs::read_to_string(path).unwrap().matches("#[bench::").count()
            })
            .sum();
        // Only the services without a layer and serde_json alone have none.
        assert!(found.budgets.len() + 4 + 8 >= sources, "{found:?}");
        assert!(found.features.contains("bound-metrics"), "{found:?}");
    }

    #[test]
    fn a_filter_leaves_out_files_and_no_features() {
        let found = here();
        let all = found.arguments("");
        assert!(all.contains(&"client".to_owned()) && all.contains(&"wire".to_owned()), "{all:?}");
        for filter in ["wire", "wire::parse"] {
            let some = found.arguments(filter);
            assert_eq!(some[..2], all[..2]);
            assert_eq!(some[2..], ["--bench", "wire"]);
        }
        assert_eq!(found.arguments("no-such").len(), 2);
    }
}
