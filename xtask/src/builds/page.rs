//! The page of what was counted and built.

use std::time::Duration;

use super::subject::{HTTP, Subject};
use crate::command::StepError;
use crate::figures::markdown;

/// What is known of a subject.
pub(super) struct Built {
    pub(super) head: String,
    pub(super) crates: usize,
    /// Processor time of each round. Empty, if it cannot be built.
    pub(super) cpu: Vec<Duration>,
}

/// Both tables.
///
/// # Errors
/// If a set of ours that others are compared with is missing.
pub(super) fn page(
    subjects: &[Subject],
    built: &[Built],
    rounds: u32,
    rustc: &str,
) -> Result<String, StepError> {
    let find = |name: &str| {
        let mut pairs = subjects.iter().zip(built);
        let found = pairs.find(|(subject, _)| subject.is_ours() && subject.name == name);
        let missing = || StepError::Rule(format!("there is no set of features {name}"));
        found.map(|(_, built)| built).ok_or_else(missing)
    };
    let (mut sets, mut others) = (Vec::new(), Vec::new());
    for (subject, built) in subjects.iter().zip(built) {
        let same = find(subject.beside)?;
        let (head, crates) = (built.head.clone(), built.crates.to_string());
        let ratio = if rounds == 0 { "–".to_owned() } else { ratio(built, same) };
        if subject.is_ours() {
            sets.push([head, crates, ratio]);
        } else {
            others.push([head, crates, subject.beside.to_owned(), same.crates.to_string(), ratio]);
        }
    }
    let sets = markdown(["features", "crates", "cold build"], &sets);
    let others = markdown(["crate", "crates", "ours", "crates of ours", "cold build"], &others);
    let rounds = match rounds {
        0 => "Nothing was built in this run.".to_owned(),
        1 => "Each was built once.".to_owned(),
        rounds => format!("Each was built {rounds} times, in turns: the median."),
    };
    let introduction = INTRODUCTION.replace("ROUNDS", &rounds).replace("RUSTC", rustc);
    Ok(format!(
        "{introduction}\n## This library\n\nBuilds are compared with {HTTP}.\n\n{sets}\n{OTHERS}{others}"
    ))
}

/// Of the medians.
fn ratio(built: &Built, same: &Built) -> String {
    match (median(&built.cpu), median(&same.cpu)) {
        (Some(cpu), Some(ours)) if !ours.is_zero() => {
            format!("{:.2}", cpu.as_secs_f64() / ours.as_secs_f64())
        }
        _ => "does not build".to_owned(),
    }
}

fn median(times: &[Duration]) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

const INTRODUCTION: &str = "\
# What it costs to depend on these crates

Written by `cargo xtask peers --builds --write-docs`. Times are worth a look, not a promise, and nothing
fails by them.

- *Crates*: all that cargo compiles for this platform, by `cargo tree --edges normal,build`, procedural
  macros and build scripts' dependencies among them, each version once, the crate itself included.
- *Cold build*: processor time of `cargo build` in the dev profile, from an empty target folder, of a
  crate that does nothing but depend on this one. A ratio: above 1, it takes longer. What is downloaded
  was there before. ROUNDS RUSTC.

Versions are those of the lock files in this repository.
";

const OTHERS: &str = "\
## Others

Each beside those features of this library that do the same work, to whose build its own is compared. An
application adds its exporter to all of them but Datadog's, which has one.

";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::subject::subjects;
    use super::*;

    fn seconds(seconds: &[u64]) -> Vec<Duration> {
        seconds.iter().copied().map(Duration::from_secs).collect()
    }

    #[test]
    fn a_peer_is_compared_with_those_features_that_do_the_same() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let subjects = subjects(root).unwrap();
        let built = |subject: &Subject| {
            let cpu = match subject.name {
                "`http`" => seconds(&[10, 11, 9]),
                "`axum`" => seconds(&[20, 90, 20]),
                "sentry-tower, `axum-matched-path`" => seconds(&[30, 30, 25]),
                "datadog-opentelemetry" => Vec::new(),
                _ => seconds(&[5]),
            };
            Built { head: subject.name.to_owned(), crates: 7, cpu }
        };
        let built: Vec<_> = subjects.iter().map(built).collect();
        let page = page(&subjects, &built, 3, "rustc 1.0.0").unwrap();
        let row = |name: &str| {
            let row = page.lines().find(|line| line.starts_with(&format!("| {name} "))).unwrap();
            row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>()
        };
        assert_eq!(row("`axum`")[1..], ["7", "2.00"]);
        let sentry = row("sentry-tower, `axum-matched-path`");
        assert_eq!(sentry[1..], ["7", "`axum`", "7", "1.50"]);
        assert_eq!(row("datadog-opentelemetry").last(), Some(&"does not build"));
        assert!(page.contains("built 3 times, in turns: the median. rustc 1.0.0."), "{page}");
    }

    #[test]
    fn crates_are_counted_without_a_build_too() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let subjects = subjects(root).unwrap();
        let built =
            |subject: &Subject| Built { head: subject.name.to_owned(), crates: 7, cpu: Vec::new() };
        let built: Vec<_> = subjects.iter().map(built).collect();
        let page = page(&subjects, &built, 0, "rustc 1.0.0").unwrap();
        assert!(!page.contains("does not build"), "{page}");
        assert!(page.lines().any(|line| line.starts_with("| none ") && line.ends_with(" – |")));
    }

    #[test]
    fn a_set_that_is_gone_is_missed() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let subject = subjects(root).unwrap().pop().unwrap();
        let built = Built { head: String::new(), crates: 1, cpu: Vec::new() };
        assert!(page(&[subject], &[built], 1, "").is_err());
    }
}
