//! Puts the wire vectors to this library and its peers, and counts who gets what wrong.

use std::fs;
use std::path::Path;

use conformance::{Outcome, Table, Verdict, outdated, page, text};

use crate::command::{Cargo, StepError};

/// Packages that print verdicts; this library is the first peer of the first one.
pub(crate) const PEERS: [&str; 2] =
    ["benches/peers/Cargo.toml", "benches/peers/datadog/Cargo.toml"];

const PAGE: &str = "docs/peers.md";

/// What to do beside printing the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Write the page instead of comparing with it.
    pub(crate) write_docs: bool,
    /// Print every case that came out otherwise.
    pub(crate) cases: bool,
}

/// Judges everybody and prints the table.
///
/// # Errors
/// If a peer cannot be run, this library gets a case wrong, or the page says otherwise.
pub(crate) fn run(root: &Path, options: Options) -> Result<(), StepError> {
    let mut verdicts: Vec<Verdict> = Vec::new();
    for manifest in PEERS {
        let output = Cargo::new(root, &["run", "--manifest-path", manifest]).output()?;
        let some: Vec<Verdict> = serde_json::from_str(&output)
            .map_err(|error| StepError::Rule(format!("{manifest} prints no verdicts: {error}")))?;
        verdicts.extend(some);
    }
    println!("\n{}", text(&Table::new(&verdicts)));
    if options.cases {
        print_cases(&verdicts);
    }

    let path = root.join(PAGE);
    let page = page(&verdicts);
    let unwritten = |error| StepError::Rule(format!("{PAGE}: {error}"));
    if options.write_docs {
        fs::write(&path, &page).map_err(unwritten)?;
    }
    let objections = objections(&verdicts, &page, fs::read_to_string(&path).ok().as_deref());
    if objections.is_empty() { Ok(()) } else { Err(StepError::Rule(objections.join("\n"))) }
}

fn print_cases(verdicts: &[Verdict]) {
    for Verdict { peer, rule, case, outcome } in verdicts {
        if let Outcome::Wrong(difference) = outcome {
            println!("{peer}, {rule}, {case}: {difference}");
        }
    }
    println!();
}

fn objections(verdicts: &[Verdict], page: &str, written: Option<&str>) -> Vec<String> {
    let us = verdicts.first().map(|verdict| &verdict.peer);
    let ours = verdicts.iter().filter(|verdict| Some(&verdict.peer) == us);
    let wrong = ours.filter(|verdict| matches!(verdict.outcome, Outcome::Wrong(_)));
    let mut found: Vec<_> =
        wrong.map(|verdict| format!("this library gets it wrong: {verdict:?}")).collect();
    found.extend(outdated(verdicts));
    if written != Some(page) {
        found.push(format!(
            "{PAGE} says otherwise; `cargo xtask conformance --write-docs` writes it anew"
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_ours_and_a_page_that_says_otherwise_are_objected_to() {
        let verdict = |outcome| {
            let [peer, rule, case] = ["us", "TP-1", "case"].map(str::to_owned);
            [Verdict { peer, rule, case, outcome }]
        };
        let has = |found: Vec<String>, text| found.iter().any(|line| line.contains(text));
        let wrong = verdict(Outcome::Wrong("sent nothing".to_owned()));
        assert!(has(objections(&wrong, "page", Some("page")), "sent nothing"));
        let right = verdict(Outcome::Right);
        assert!(!has(objections(&right, "page", Some("page")), "this library"));
        assert!(!has(objections(&right, "page", Some("page")), "says otherwise"));
        assert!(has(objections(&right, "page", Some("another")), "says otherwise"));
        assert!(has(objections(&right, "page", None), "says otherwise"));
    }
}
