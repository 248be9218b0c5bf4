//! The page of what was measured.

use std::fmt::Write as _;

use crate::measure::{Measured, ROUNDS};
use crate::subjects::OURS;
use crate::texts::SIZES;

/// A table of ratios, with a column for each size.
pub(crate) fn page(columns: &[Vec<Measured>; SIZES.len()]) -> String {
    let mut page = INTRODUCTION.replace("ROUNDS", &ROUNDS.to_string());
    for (at, Measured { work, who, .. }) in columns[0].iter().enumerate() {
        let ratios = columns.each_ref().map(|column| ratio(column, at));
        let who = if *who == OURS { format!("**{who}**") } else { (*who).to_owned() };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| {work} | {who} | {} |", ratios.join(" | "));
    }
    page
}

/// To the copy, which comes first.
fn ratio(column: &[Measured], at: usize) -> String {
    let ratio = column[at].nanoseconds / column[0].nanoseconds;
    let digits = if ratio < 9.995 { 2 } else { 0 };
    format!("{ratio:.digits$}")
}

const INTRODUCTION: &str = "\
# What the context of a message costs

Written by `cargo xtask peers --messages --write-docs` in one run on a shared machine of two cores: times
are worth a look, not a promise, and nothing fails by them. What is held to budgets are the instructions in
[benches](../benches/README.md).

Each figure is a time as a ratio to that of copying the text into a new `String`, of the same size and in
the same run. All are measured in turns, in ROUNDS rounds, and of each the fastest counts. The messages are
events of a build, of this many bytes without their context, which is a parent alone in `_trace` and
`_sentry`. Readers end with a parsed parent; this library's looks for tracestate, baggage and Sentry's
header too. `RawValue`s write a `traceparent` alone, and sort the members. Nobody is compiled for the
processor at hand, as sonic-rs asks for.

*Prepend* is for texts that are known to have no context, *inject* looks for one first. *Typed* work is
serialization of a struct of serde, with a context and without.

| work | who | 200 B | 2 KB | 64 KB | 1 MB |
|---|---|---|---|---|---|
";
