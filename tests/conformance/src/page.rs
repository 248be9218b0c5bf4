//! The verdicts, as docs/peers.md.

use std::fmt::Write;

use crate::reasons::reason;
use crate::table::{Row, Table, cell, title};
use crate::verdict::Verdict;

/// The page.
#[must_use]
pub fn page(verdicts: &[Verdict]) -> String {
    let table = Table::new(verdicts);
    let mut page = INTRODUCTION.to_owned();
    counts(&mut page, &table, &table.specified);
    reasons(&mut page, &table, verdicts);
    page.push_str(APART);
    counts(&mut page, &table, &table.apart);
    page.push('\n');
    for row in &table.apart {
        let _ = writeln!(page, "- {}: {}.", row.rule, row.why.unwrap_or_default());
    }
    page.push_str(JUDGED);
    left_out(&mut page, &table);
    page
}

fn left_out(page: &mut String, table: &Table) {
    let alone: usize = table.alone.iter().map(|(_, cases)| cases).sum();
    let all = alone + table.left_out.iter().map(|(_, cases)| cases).sum::<usize>();
    let rows = table.specified.iter().chain(&table.apart).map(|row| row.cases).sum::<usize>();
    let _ = write!(
        page,
        "\n## What stands in no row\n\n{all} of the {} cases, by which `tests/integration/vectors/` \
         tests this library alone:\n\n",
        all + rows
    );
    for (reason, cases) in &table.left_out {
        let _ = writeln!(page, "- {cases} {reason}.");
    }
    let mut rules: Vec<_> = table.alone.iter().map(|(rule, _)| rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let _ = writeln!(
        page,
        "- {alone} are about several headers, not all of which another crate here claims: {}.",
        rules.join(", ")
    );
}

fn counts(page: &mut String, table: &Table, rows: &[Row]) {
    let _ = writeln!(page, "| rule | | cases | {} |", table.peers.join(" | "));
    let _ = writeln!(page, "|---|---|---|{}", "---|".repeat(table.peers.len()));
    for row in rows {
        let cells: Vec<_> = row.cells.iter().map(|one| cell(*one, row.cases)).collect();
        let (rule, title) = (&row.rule, title(&row.rule));
        let _ = writeln!(page, "| {rule} | {title} | {} | {} |", row.cases, cells.join(" | "));
    }
    let sum = |sum: &crate::table::Cell| format!("**{}** of {}", sum.wrong, sum.judged);
    let sums: Vec<_> = Table::sums(rows).iter().map(sum).collect();
    let cases: usize = rows.iter().map(|row| row.cases).sum();
    let _ = writeln!(page, "| | all | {cases} | {} |", sums.join(" | "));
}

fn reasons(page: &mut String, table: &Table, verdicts: &[Verdict]) {
    for (column, peer) in table.peers.iter().enumerate() {
        let wrong: Vec<_> =
            table.specified.iter().filter(|row| row.cells[column].wrong > 0).collect();
        if wrong.is_empty() {
            continue;
        }
        let _ = write!(page, "\n### {peer}\n\n| rule | what it does |\n|---|---|\n");
        for row in wrong {
            let reason = reason(peer, &row.rule, verdicts).replace('|', "\\|");
            let _ = writeln!(page, "| {} | {reason} |", row.rule);
        }
    }
}

const INTRODUCTION: &str = "\
# What other propagators get wrong

Written by `cargo xtask conformance --write-docs`, which puts the cases of
[wire-vectors.json](../tests/vectors/wire-vectors.json) to this library and to other Rust crates, through one judge, and
prints how many come out wrong. `cargo xtask conformance` runs the same and fails if anything differs from this page.
What becomes of spans in the HTTP layers of others is in [peers-scenarios.md](peers-scenarios.md).

## What is specified

A dash: the crate does not claim to read and write that. `1 of 2`: it claims two of the cases.

";

const APART: &str = "
## What differs without being wrong

Here no specification decides, or only one that the crate does not claim; the numbers say who does otherwise than this library.

";

const JUDGED: &str = "
## How it is judged

- Each crate is a service of one hop, through its public API: it extracts from a header map and injects into another. OpenTelemetry
  and Datadog without a span between, fastrace by `W3CTraceContext`, Sentry by a transaction, whose own parent id is not compared.
- Where a crate has a function for it, it also sets members in a `tracestate` (OpenTelemetry) and adds members to baggage
  (OpenTelemetry, and Datadog, which sends what OpenTelemetry's type holds).
- A case of several rules is counted with one of them, the plainest: a list of 33 members on two lines with TS-9, not with TS-2.
- What goes out is compared by meaning: other white space, other escapes and, in baggage, another order are right, and so is
  Datadog's own member in `tracestate`. Beside that, `traceparent` and `sentry-trace` must be read as what they say.
- TS-7 and TS-9 are as the W3C's test suite has them at its strict level; the text leaves a list that cannot be parsed to the reader.
- Above its limits, baggage may be dropped in any choice, as long as members stay whole; a bad member may be mended or dropped.
- Sentry's SDK says that its trace propagation is partial: it is not asked about baggage and the dynamic sampling context, of which
  it reads the organization and sends nothing.
";
