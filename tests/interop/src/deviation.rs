//! What comes out otherwise than expected, and is known to.
//!
//! Each entry is asserted as well: one that no cell shows any more fails the run, so that a mended SDK
//! is noticed.

use std::fmt::Write;

use crate::cell::{Cell, Check, Owner};
use crate::peer::Sdk;

/// How to judge a deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A specification says otherwise.
    Wrong,
    /// No specification forbids it, but it is worth knowing.
    Habit,
    /// Ours, and to be mended.
    Open,
}

/// An outcome that is known.
#[derive(Debug)]
pub(crate) struct Deviation {
    pub(crate) kind: Kind,
    pub(crate) owners: &'static [Owner],
    /// The checks that it is about.
    pub(crate) what: &'static [&'static str],
    /// The outcomes, each of which is seen.
    pub(crate) got: &'static [&'static str],
    /// One line.
    pub(crate) reason: &'static str,
}

impl Deviation {
    fn explains(&self, check: &Check) -> bool {
        self.owners.contains(&check.owner)
            && self.what.contains(&check.what)
            && self.got.contains(&check.got.as_str())
    }
}

const SENTRY_NODE: Owner = Owner::Sdk(Sdk::SentryNode);
const SENTRY_NODE_BOTH: Owner = Owner::Sdk(Sdk::SentryNodeBoth);
const SENTRY_PYTHON: Owner = Owner::Sdk(Sdk::SentryPython);
const OTEL_NODE: Owner = Owner::Sdk(Sdk::OtelNode);
const OTEL_PYTHON: Owner = Owner::Sdk(Sdk::OtelPython);

/// Every known deviation; static, since entries are told apart by where they stand.
pub(crate) static DEVIATIONS: &[Deviation] = &[
    Deviation {
        kind: Kind::Wrong,
        owners: &[SENTRY_NODE_BOTH],
        what: &["names one parent in both headers"],
        got: &["false"],
        reason: "while its decision is deferred, it draws a parent id for each of the two headers, and \
                 writes `-00` into `traceparent`",
    },
    Deviation {
        kind: Kind::Wrong,
        owners: &[SENTRY_NODE, SENTRY_NODE_BOTH],
        what: &["digits of sample_rand"],
        got: &["more"],
        reason: "writes `sample_rand` as JavaScript prints a number; six digits are specified",
    },
    Deviation {
        kind: Kind::Wrong,
        owners: &[SENTRY_PYTHON],
        what: &["sends the DSC's values on"],
        got: &["made up"],
        reason: "continues a trace that has no DSC and makes one, as if the trace had begun with it; \
                 the empty DSC is to be frozen",
    },
    Deviation {
        kind: Kind::Wrong,
        owners: &[SENTRY_PYTHON],
        what: &["sends the decision on"],
        got: &["deferred"],
        reason: "without a sample rate of its own, it sends a trace on without the decision it came with",
    },
    Deviation {
        kind: Kind::Habit,
        owners: &[SENTRY_PYTHON],
        what: &["reads the baggage", "sends the DSC's values on"],
        got: &["sentry-sample_rate added"],
        reason: "where it makes a deferred decision, it writes its own rate into the received DSC",
    },
    Deviation {
        kind: Kind::Habit,
        owners: &[SENTRY_NODE, SENTRY_NODE_BOTH],
        what: &["sends the DSC's values on"],
        got: &["sentry-sample_rate added"],
        reason: "where it makes a deferred decision, it writes its own rate into an empty DSC",
    },
    Deviation {
        kind: Kind::Habit,
        owners: &[SENTRY_NODE, SENTRY_NODE_BOTH, SENTRY_PYTHON, OTEL_NODE],
        what: &["sends the DSC's bytes on"],
        got: &["sentry-release changed"],
        reason: "decodes and encodes again: `us@1.0` goes out as `us%401.0`, the text is the same",
    },
    Deviation {
        kind: Kind::Habit,
        owners: &[SENTRY_NODE, SENTRY_NODE_BOTH, SENTRY_PYTHON],
        what: &["sends the application's baggage on"],
        got: &["all lost"],
        reason: "sends only Sentry's members on; the application has to copy its own",
    },
    Deviation {
        kind: Kind::Wrong,
        owners: &[OTEL_PYTHON],
        what: &["sends the application's baggage", "sends the application's baggage on"],
        got: &["note changed"],
        reason: "writes a space as `+`, as in forms; everybody else reads a plus sign",
    },
    Deviation {
        kind: Kind::Wrong,
        owners: &[OTEL_PYTHON],
        what: &["sends the DSC's values on"],
        got: &[
            "sentry-environment changed",
            "sentry-environment changed, sentry-transaction changed",
        ],
        reason: "as above, in Sentry's members: `interop test` arrives as `interop+test`",
    },
    Deviation {
        kind: Kind::Wrong,
        owners: &[OTEL_PYTHON],
        what: &["reads the baggage"],
        got: &["sum changed"],
        reason: "reads `+` as a space, as in forms: `1+1` becomes `1 1`",
    },
    Deviation {
        kind: Kind::Wrong,
        owners: &[OTEL_NODE],
        what: &["sends the random bit on"],
        got: &["false"],
        reason: "drops the random bit of Trace Context Level 2: `03` goes out as `01`",
    },
];

/// The deviation that a check shows, if it is a known one.
pub(crate) fn of(check: &Check) -> Option<&'static Deviation> {
    DEVIATIONS.iter().find(|deviation| check.expected != check.got && deviation.explains(check))
}

/// What became of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As expected, with this many checks that show known deviations of SDKs.
    Expected(usize),
    /// Shows a deviation of ours that is known.
    Open,
    /// Shows something that is not known.
    Unexpected,
}

/// Judges a cell.
pub(crate) fn outcome(cell: &Cell) -> Outcome {
    let mut known = 0;
    let mut open = false;
    for check in cell.checks.iter().filter(|check| check.expected != check.got) {
        match of(check).map(|deviation| deviation.kind) {
            None => return Outcome::Unexpected,
            Some(Kind::Open) => open = true,
            Some(Kind::Wrong | Kind::Habit) => known += 1,
        }
    }
    if open { Outcome::Open } else { Outcome::Expected(known) }
}

/// What nobody expected, in words: checks that differ without an entry, and entries, or parts of them,
/// that no check shows any more.
pub(crate) fn surprises(cells: &[Cell]) -> Vec<String> {
    let mut found = Vec::new();
    for cell in cells {
        for check in &cell.checks {
            if check.expected != check.got && of(check).is_none() {
                found.push(describe(cell, check));
            }
        }
    }
    let checks: Vec<_> = cells.iter().flat_map(|cell| &cell.checks).collect();
    for deviation in DEVIATIONS {
        let seen = |shows: &dyn Fn(&Check) -> bool| {
            checks
                .iter()
                .any(|check| of(check).is_some_and(|d| std::ptr::eq(d, deviation)) && shows(check))
        };
        let owners = deviation.owners.iter().filter(|owner| !seen(&|check| check.owner == **owner));
        let what = deviation.what.iter().filter(|what| !seen(&|check| check.what == **what));
        let got = deviation.got.iter().filter(|got| !seen(&|check| check.got == **got));
        let gone = owners.map(|owner| owner.name()).chain(what.copied()).chain(got.copied());
        found.extend(gone.map(|part| {
            format!("no longer seen, for {part}: {}; take it out of DEVIATIONS", deviation.reason)
        }));
    }
    found
}

fn describe(cell: &Cell, check: &Check) -> String {
    let with = if cell.baggage { " with baggage" } else { "" };
    let mut text = format!(
        "{}, {}{with}: {} {}: expected `{}`, got `{}`",
        cell.chain,
        cell.decision,
        check.owner.name(),
        check.what,
        check.expected,
        check.got
    );
    let wire = &check.wire;
    let headers = [
        ("traceparent", &wire.traceparent),
        ("sentry-trace", &wire.sentry_trace),
        ("baggage", &wire.baggage),
    ];
    for (name, values) in headers {
        for value in values {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n    {name}: {value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Group;
    use crate::report::{Decision, Report};

    fn cell(owner: Owner, what: &'static str, expected: &str, got: &str) -> Cell {
        let mut cell = Cell::new(Group::ToUs, "a chain".to_owned(), Decision::Sampled, false);
        cell.compare(owner, what, &Report::default().wire(), expected, got);
        cell
    }

    #[test]
    fn a_difference_without_an_entry_is_a_surprise() {
        let unknown = cell(Owner::Us, "keeps the random bit", "true", "false");
        assert_eq!(outcome(&unknown), Outcome::Unexpected);
        assert!(surprises(&[unknown])[0].contains("throughline keeps the random bit"));
    }

    #[test]
    fn another_outcome_than_the_known_one_is_a_surprise() {
        let known = cell(OTEL_NODE, "sends the random bit on", "true", "false");
        assert_eq!(outcome(&known), Outcome::Expected(1));
        let other = cell(OTEL_NODE, "sends the random bit on", "true", "none");
        assert_eq!(outcome(&other), Outcome::Unexpected);
    }

    #[test]
    fn an_entry_that_nothing_shows_any_more_is_a_surprise() {
        let fine = cell(OTEL_NODE, "sends the random bit on", "true", "true");
        assert_eq!(outcome(&fine), Outcome::Expected(0));
        let surprises = surprises(&[fine]);
        assert!(
            surprises.iter().any(|text| text.contains("drops the random bit")),
            "{surprises:?}"
        );
    }
}
