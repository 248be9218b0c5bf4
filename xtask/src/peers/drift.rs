//! What a page says, beside what was counted since.

use crate::bench::{Cost, exceeded};

/// Cells of tables that differ by more than the gate of the benches lets pass: a sentence part each.
pub(super) fn differences(written: &str, counted: &str) -> Vec<String> {
    let [before, now] = [written, counted].map(|text| rows(text).collect::<Vec<_>>());
    if before.len() != now.len() {
        return vec![format!("{} rows instead of {}", now.len(), before.len())];
    }
    let rows = before.iter().zip(&now);
    rows.flat_map(|(before, now)| row_differences(before, now)).collect()
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

fn row_differences(before: &[&str], now: &[&str]) -> Vec<String> {
    let title = now.first().unwrap_or(&"");
    if before.len() != now.len() {
        return vec![format!("{title}: other columns")];
    }
    let cells = before.iter().zip(now).filter(|(before, now)| differ(before, now));
    cells.map(|(before, now)| format!("{title}: `{now}` instead of `{before}`")).collect()
}

/// Ratios follow from the figures, and are not compared.
fn differ(before: &str, now: &str) -> bool {
    match (Cell::read(before), Cell::read(now)) {
        (Some(before), Some(now)) => {
            before.who != now.who
                || before.cost.allocations != now.cost.allocations
                || exceeded(&before.cost, &now.cost).is_some()
        }
        _ => before != now,
    }
}

/// Such as `OpenTelemetry 3,769 / 2 x11`, or without the name.
struct Cell<'a> {
    who: &'a str,
    cost: Cost,
}

impl<'a> Cell<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (before, behind) = text.split_once(" / ")?;
        let (who, instructions) = before.rsplit_once(' ').unwrap_or(("", before));
        let instructions = instructions.replace(',', "").parse().ok()?;
        let allocations = behind.split(' ').next()?.parse().ok()?;
        Some(Self { who, cost: Cost { instructions, allocations, budget: None } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(written: &str, counted: &str) -> Vec<String> {
        let table =
            |cell: &str| format!("Text.\n\n| work | ours |\n|------|---:|\n| a | {cell} |\n");
        differences(&table(written), &table(counted))
    }

    #[test]
    fn a_figure_may_differ_by_what_the_gate_lets_pass() {
        for (written, counted) in [
            ("1,000 / 0", "1,020 / 0"),
            ("1,000 / 1", "950 / 1"),
            ("Sentry 1,000 / 1 x2.0 s", "Sentry 1,050 / 1 x2.1 s"),
            ("–", "–"),
        ] {
            assert_eq!(of(written, counted), [""; 0], "{written}, {counted}");
        }
    }

    #[test]
    fn a_figure_that_has_moved_further_is_named_with_its_work() {
        for (written, counted) in [
            ("1,000 / 0", "1,021 / 0"),
            ("1,000 / 1", "1,051 / 1"),
            ("1,000 / 1", "1,000 / 2"),
            ("Sentry 1,000 / 1 x2.0", "Datadog 1,000 / 1 x2.0"),
            ("–", "1,000 / 1"),
        ] {
            assert_eq!(of(written, counted), [format!("a: `{counted}` instead of `{written}`")]);
        }
    }

    #[test]
    fn rows_and_columns_come_and_go() {
        assert_eq!(differences("", "| work |\n"), ["1 rows instead of 0"]);
        assert_eq!(differences("| a | 1 / 1 |", "| a | 1 / 1 | 1 / 1 |"), ["a: other columns"]);
    }
}
