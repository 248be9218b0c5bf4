//! What was observed, as docs/interop.md.

use std::fmt::Write;

use crate::cell::{Cell, Check, Group, Owner};
use crate::deviation::{self, DEVIATIONS, Kind};
use crate::matrix::MEMBERS;
use crate::peer::Sdk;
use crate::report::{Decision, Wire};

const INTRODUCTION: &str = "\
# Interop with real SDKs

Written by `cargo run -p interop -- --write-docs` from what was observed; `cargo xtask test` runs the same and fails if
anything differs from this page. Each chain is made of real processes on the loopback interface, each traced by the SDK
named, and no header in it is written by hand. `us` is an axum server and a hyper client with `ServerLayer` and
`ClientLayer`: `span` opens spans and decides where nobody has, `pass` passes on what came.
";

const MIXED_FLEET: &str = "
## In a mixed fleet

One trace stays one trace through any of these chains. Two things get lost on the way, whoever stands in the middle:

- Sentry's DSC, behind an OpenTelemetry service: that sends the `sentry-` members on but not `sentry-trace`, and without it
  they are ignored (rule SE-5). The decision is kept.
- The application's baggage, behind a Sentry service, unless the application copies it.

A deferred decision has no form in `traceparent`. An OpenTelemetry service that gets one without a `span` of ours before it
reads `-00` and samples nothing; behind a `span`, the decision has been made.
";

/// The whole page.
pub(crate) fn page(versions: &[(Sdk, &str)], cells: &[Cell]) -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Versions\n\n| SDK | package |\n|---|---|\n");
    for (sdk, version) in versions {
        row(&mut page, &[sdk.name(), &format!("`{version}`")]);
    }
    sent(&mut page, cells);
    read(&mut page, cells);
    for (kind, title) in [
        (Kind::Wrong, "What it gets wrong"),
        (Kind::Habit, "What else is worth knowing"),
        (Kind::Open, "What we get wrong"),
    ] {
        deviations(&mut page, cells, kind, title);
    }
    page.push_str(MIXED_FLEET);
    chains(&mut page, cells);
    page
}

fn sent(page: &mut String, cells: &[Cell]) {
    let members: Vec<_> =
        MEMBERS.iter().map(|(key, value)| format!("`{key}` = `{value}`")).collect();
    page.push_str("\n## What it sends\n\n");
    line(
        page,
        "For a trace that it began; T is the trace id, S and S2 are span ids. The application's baggage is",
    );
    line(page, &format!("{}.\n", members.join(", ")));
    page.push_str("| SDK | decision | headers |\n|---|---|---|\n");
    for sdk in Sdk::ALL {
        for decision in Decision::ALL {
            let chain = format!("{}, pass", sdk.name());
            let shows = |cell: &&Cell| {
                cell.group == Group::ToUs
                    && cell.chain == chain
                    && cell.decision == decision
                    && cell.baggage
            };
            let wire = cells.iter().find(shows).and_then(|cell| cell.checks.first());
            let headers = match wire {
                Some(check) => headers(&check.wire),
                None => "has no such state".to_owned(),
            };
            row(page, &[sdk.name(), decision.as_str(), &headers]);
        }
    }
}

fn headers(wire: &Wire) -> String {
    let all = [
        ("traceparent", &wire.traceparent),
        ("sentry-trace", &wire.sentry_trace),
        ("baggage", &wire.baggage),
    ];
    let lines = all.into_iter().flat_map(|(name, values)| values.iter().map(move |v| (name, v)));
    let lines = lines.map(|(name, value)| format!("`{name}: {}`", masked(wire, value)));
    lines.collect::<Vec<_>>().join("<br>")
}

/// The value without what differs from run to run.
fn masked(wire: &Wire, value: &str) -> String {
    let mut text = value.to_owned();
    let mut spans: Vec<&str> = [wire.sentry(1), wire.w3c(2)].into_iter().flatten().collect();
    spans.dedup();
    for (id, letter) in
        wire.trace_id().into_iter().zip(["T"]).chain(spans.into_iter().zip(["S", "S2"]))
    {
        text = text.replace(id, letter);
    }
    if let Some((before, behind)) = text.split_once("sample_rand=0.") {
        let digits = behind.chars().take_while(char::is_ascii_digit).count();
        let count = if digits == 6 { "6" } else { "up to 17" };
        text = format!("{before}sample_rand=0.({count} digits){}", &behind[digits..]);
    }
    text
}

fn read(page: &mut String, cells: &[Cell]) {
    page.push_str("\n## What it reads\n\n");
    page.push_str("| SDK | `traceparent` alone | `sentry-trace` alone |\n|---|---|---|\n");
    for sdk in Sdk::ALL {
        let answer = |what: &str| {
            let checks = cells.iter().flat_map(|cell| &cell.checks);
            let mut checks =
                checks.filter(|check| check.owner == Owner::Sdk(sdk) && check.what == what);
            match checks.next().map(|check| check.got.as_str()) {
                Some("true") => "continues the trace",
                Some(_) => "begins another trace",
                None => "was not asked",
            }
        };
        let (w3c, sentry) = (answer("reads traceparent alone"), answer("reads sentry-trace alone"));
        row(page, &[sdk.name(), w3c, sentry]);
    }
}

fn deviations(page: &mut String, cells: &[Cell], kind: Kind, title: &str) {
    let mut listed = DEVIATIONS.iter().filter(|deviation| deviation.kind == kind).peekable();
    if listed.peek().is_none() {
        return;
    }
    let _ = write!(page, "\n## {title}\n\n| who | what | chains |\n|---|---|---|\n");
    for deviation in listed {
        let owners: Vec<_> = deviation.owners.iter().map(|owner| owner.name()).collect();
        let shows =
            |check: &Check| deviation::of(check).is_some_and(|d| std::ptr::eq(d, deviation));
        let seen = cells.iter().filter(|cell| cell.checks.iter().any(shows)).count();
        row(page, &[&owners.join("; "), deviation.reason, &seen.to_string()]);
    }
}

fn chains(page: &mut String, cells: &[Cell]) {
    page.push_str("\n## Chains\n\n| chain | runs | comparisons |\n|---|---|---|\n");
    for group in Group::ALL {
        let (runs, checks) = totals(cells.iter().filter(|cell| cell.group == group));
        row(page, &[group.name(), &runs.to_string(), &checks.to_string()]);
    }
    let (runs, checks) = totals(cells.iter());
    row(page, &["all", &runs.to_string(), &checks.to_string()]);
}

/// Number of cells, and of their checks.
pub(crate) fn totals<'a>(cells: impl Iterator<Item = &'a Cell>) -> (usize, usize) {
    cells.fold((0, 0), |(runs, checks), cell| (runs + 1, checks + cell.checks.len()))
}

fn row(page: &mut String, columns: &[&str]) {
    line(page, &format!("| {} |", columns.join(" | ")));
}

fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_masked() {
        let (trace, one, other) = ("a".repeat(32), "b".repeat(16), "c".repeat(16));
        let wire = Wire {
            traceparent: vec![format!("00-{trace}-{other}-00")],
            sentry_trace: vec![format!("{trace}-{one}")],
            baggage: vec![format!("sentry-trace_id={trace},sentry-sample_rand=0.12345678,x=1")],
        };
        assert_eq!(
            headers(&wire),
            "`traceparent: 00-T-S2-00`<br>`sentry-trace: T-S`<br>\
             `baggage: sentry-trace_id=T,sentry-sample_rand=0.(up to 17 digits),x=1`"
        );
    }
}
