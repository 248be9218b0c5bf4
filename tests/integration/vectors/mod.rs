//! `tests/vectors/wire-vectors.json` through the public API: cases as data, a room for each group of
//! sections, and in [`coverage`] which rules they hold.

use std::collections::BTreeSet;

use serde_json::Value;

mod baggage;
mod case;
mod coverage;
#[path = "../../vectors/format.rs"]
mod format;
mod messages;
mod propagate;
mod sentry;
mod trace_context;

const FILE: &str = include_str!("../../vectors/wire-vectors.json");

/// A section of the file, and what has to hold for each of its cases.
type Section = (&'static str, fn(&Value) -> Result<(), String>);

const SECTIONS: [Section; 11] = [
    ("traceparent", trace_context::traceparent),
    ("tracestate", trace_context::tracestate),
    ("tracestate_mutation", trace_context::tracestate_mutation),
    ("baggage", baggage::baggage),
    ("baggage_encode", baggage::baggage_encode),
    ("baggage_limits", baggage::baggage_limits),
    ("sentry_trace", sentry::sentry_trace),
    ("sentry_org", sentry::sentry_org),
    ("sentry_sample_rand", sentry::sentry_sample_rand),
    ("propagate", propagate::propagate),
    ("messages", messages::messages),
];

#[test]
fn traceparent_vectors_hold() {
    run("traceparent");
}

#[test]
fn tracestate_vectors_hold() {
    run("tracestate");
    run("tracestate_mutation");
}

#[test]
fn baggage_vectors_hold() {
    run("baggage");
    run("baggage_encode");
    run("baggage_limits");
}

#[test]
fn sentry_vectors_hold() {
    run("sentry_trace");
    run("sentry_org");
    run("sentry_sample_rand");
}

#[test]
fn propagation_vectors_hold() {
    run("propagate");
}

#[test]
fn message_vectors_hold() {
    run("messages");
}

#[test]
fn no_section_and_no_case_is_left_out() {
    let file = file();
    let sections: BTreeSet<_> = file
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .filter(|key| *key != "source")
        .collect();
    assert_eq!(sections, SECTIONS.iter().map(|(name, _)| *name).collect());
    let total: usize = SECTIONS.iter().map(|(name, _)| run(name)).sum();
    // Every case names its rule, so the text itself can be counted.
    assert_eq!(total, FILE.matches("\"rule\":").count());
}

#[test]
fn no_two_cases_of_a_section_have_the_same_name() {
    let file = file();
    for (section, _) in SECTIONS {
        let mut names = BTreeSet::new();
        for name in cases(&file, section).iter().filter_map(|case| case["name"].as_str()) {
            assert!(names.insert(name), "{section}: {name}");
        }
    }
}

fn file() -> Value {
    serde_json::from_str(FILE).unwrap()
}

fn cases<'a>(file: &'a Value, section: &str) -> &'a [Value] {
    file[section].as_array().unwrap()
}

/// Runs every case of a section, tells all failures at once, and returns the number of cases.
fn run(section: &str) -> usize {
    let (_, check) = SECTIONS.iter().find(|(name, _)| *name == section).unwrap();
    let file = file();
    let mut failures = Vec::new();
    for (n, case) in cases(&file, section).iter().enumerate() {
        if let Err(reason) = check(case) {
            failures.push(format!("{section} {}: {reason}", case::label(n, case)));
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
    cases(&file, section).len()
}
