//! Which rules the vectors hold, and which tests hold the others.
//!
//! The table of rules in `tests/vectors/README.md` says of each how many cases name it and which
//! tests hold what no case can: a case that is removed, and a test that is gone, break it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::{SECTIONS, cases, file};

const README: &str = include_str!("../../vectors/README.md");

/// Groups of rules, and how many each has. Numbers are never given twice and never taken back.
const GROUPS: [(&str, usize); 7] =
    [("TP", 10), ("TS", 12), ("BG", 13), ("SE", 13), ("BO", 4), ("MS", 8), ("TR", 4)];

/// Formats of others, which are one rule each.
const FORMATS: [&str; 4] = ["B3", "DD", "XR", "GR"];

/// Where tests stand.
const SOURCES: [&str; 5] = ["src", "tests", "crates", "examples", "xtask"];

#[test]
fn every_rule_is_held_by_cases_or_by_tests_that_are_there() {
    let found = violations(&rows(README), &rules_of_cases(), &tests());
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn a_case_that_is_removed_is_missed() {
    let (rows, rules, tests) = (rows(README), rules_of_cases(), tests());
    for removed in 0..rules.len() {
        let mut rest = rules.clone();
        let case = rest.remove(removed);
        let found = violations(&rows, &rest, &tests);
        for rule in case.split('/') {
            let missed = format!("{rule} has ");
            assert!(found.iter().any(|text| text.starts_with(&missed)), "{rule}: {found:?}");
        }
    }
}

#[test]
fn a_rule_without_a_row_a_case_or_a_test_is_found() {
    let (rows, rules, tests) = (rows(README), rules_of_cases(), tests());
    for n in 0..rows.len() {
        let mut fewer = rows.clone();
        let row = fewer.remove(n);
        let found = violations(&fewer, &rules, &tests);
        assert!(found.iter().any(|text| text.starts_with(&format!("{} ", row.rule))), "{found:?}");
    }
    let row =
        |cells: &str| violations(&self::rows(&format!("| XX-1 | says |{cells}|")), &[], &tests);
    let says = |cells: &str, reason: &str| row(cells).iter().any(|text| text.contains(reason));
    assert!(says(" 0 | ", "XX-1 is held by nothing"));
    assert!(says(" 0 | `nobody_wrote_this_test`", "nobody_wrote_this_test is no test"));
    assert!(says(" 0 | open, `message_vectors_hold`", "XX-1 is said to be open"));
    assert!(!says(" 0 | `message_vectors_hold`", "XX-1 is held"));
    assert!(!says(" 0 | open", "XX-1 is held"));
}

/// A rule of the table.
#[derive(Clone)]
struct Row {
    rule: String,
    cases: usize,
    tests: Vec<String>,
    /// Whether the library is said not to satisfy it.
    open: bool,
}

/// The rows of the form `| TP-1 | what it says | 12 | tests |`.
fn rows(readme: &str) -> Vec<Row> {
    let row = |line: &str| {
        let cells: Vec<_> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
        let [rule, _, cases, tests, ""] = cells.as_slice() else { return None };
        Some(Row {
            rule: (*rule).to_owned(),
            cases: cases.parse().ok()?,
            tests: tests.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
            open: tests.starts_with("open"),
        })
    };
    readme.lines().filter_map(row).collect()
}

/// What each case names, as `TP-4/TP-7`.
fn rules_of_cases() -> Vec<String> {
    let file = file();
    let rules = SECTIONS.iter().flat_map(|(section, _)| cases(&file, section));
    rules.map(|case| case["rule"].as_str().unwrap().to_owned()).collect()
}

fn violations(rows: &[Row], rules: &[String], tests: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for rule in rules.iter().flat_map(|rules| rules.split('/')) {
        *counts.entry(rule).or_default() += 1;
    }
    let known: Vec<_> = rows.iter().map(|row| row.rule.as_str()).collect();
    let numbered =
        GROUPS.iter().flat_map(|(group, last)| (1..=*last).map(move |n| format!("{group}-{n}")));
    let all: Vec<_> = numbered.chain(FORMATS.map(str::to_owned)).collect();
    let without_row = all.iter().map(String::as_str).chain(counts.keys().copied());
    found.extend(
        without_row.filter(|rule| !known.contains(rule)).map(|rule| format!("{rule} has no row")),
    );
    for row in rows {
        let cases = counts.get(row.rule.as_str()).copied().unwrap_or_default();
        found.extend(row.violations(cases, tests));
    }
    found
}

impl Row {
    fn violations(&self, cases: usize, tests: &BTreeSet<String>) -> Vec<String> {
        let Self { rule, .. } = self;
        let mut found = Vec::new();
        if cases != self.cases {
            found.push(format!("{rule} has {cases} cases, the table says {}", self.cases));
        }
        let gone = self.tests.iter().filter(|test| !tests.contains(*test));
        found.extend(gone.map(|test| format!("{rule}: {test} is no test")));
        match (cases > 0 || !self.tests.is_empty(), self.open) {
            (false, false) => found.push(format!("{rule} is held by nothing")),
            (true, true) => found.push(format!("{rule} is said to be open and is held")),
            _ => {}
        }
        found
    }
}

/// The names of all tests of the repository.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in SOURCES {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut tests);
    }
    assert!(tests.contains("every_rule_is_held_by_cases_or_by_tests_that_are_there"));
    tests
}

fn read(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            tests.extend(tests_of(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The functions below a `#[test]` or `#[tokio::test]`.
fn tests_of(source: &str) -> Vec<String> {
    let mut marked = false;
    let mut found = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            marked |= line.contains("test]") || line.contains("test(");
        } else if let Some((_, name)) = line.split_once("fn ") {
            if marked {
                found.push(name.split(['(', '<']).next().unwrap_or_default().to_owned());
            }
            marked = false;
        }
    }
    found
}
