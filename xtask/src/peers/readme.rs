//! README's short table: this library beside the cheapest of the others and the usual one.

use std::path::Path;

use super::Counts;
use super::layers::{CLIENT, SERVER};
use super::messages::MESSAGES;
use super::table::{Column, Row, Table, shown};
use super::wire::WIRE;
use crate::bench::Cost;
use crate::command::StepError;
use crate::figures::markdown;

/// A row of another table.
struct Line {
    title: &'static str,
    table: &'static Table,
    id: &'static str,
    /// The column of what most people have.
    usual: &'static str,
}

const LINES: [Line; 8] = [
    line("parse `traceparent`", &WIRE, "parse", "OpenTelemetry"),
    line("extract all three headers", &WIRE, "extract_all_three", "OpenTelemetry"),
    line("inject all three headers", &WIRE, "inject_all_three", "OpenTelemetry"),
    line("server, sampled span", &SERVER, "traceparent", "axum-tracing-opentelemetry"),
    line("server, propagate only", &SERVER, "all_formats", "axum-tracing-opentelemetry"),
    line("client, sampled span", &CLIENT, "sampled", "tower-otel"),
    line("message of 2 KB, read", &MESSAGES, "read_first_2kb", "serde_json `Value`"),
    line("message of 2 KB, relay", &MESSAGES, "relay_2kb", "serde_json `Value`"),
];

/// The table with its notes, and where it was counted: a sentence.
///
/// # Errors
/// If a figure is missing.
pub(super) fn block(root: &Path, counts: &Counts, counted: &str) -> Result<String, StepError> {
    let mut notes = Notes::default();
    let mut packages: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for line in &LINES {
        let row = line.row()?;
        let ours = line.table.cost_of_ours(row, counts)?;
        let others = line.others(row, counts)?;
        let cheapest = others.iter().min_by_key(|(_, cost)| cost.instructions);
        let usual = others.iter().find(|(column, _)| column.name == line.usual);
        let mut cell = |(column, cost): &(&Column, Cost)| {
            let package = format!("{} {}", column.package, column.version(root));
            if !packages.contains(&package) {
                packages.push(package);
            }
            let note = notes.mark(line.table, row, column);
            format!("{} {}{note}", column.name, Table::times(*cost, ours))
        };
        // The cheapest first, since notes are counted in the order of their cells.
        let left = cheapest.map_or_else(dash, &mut cell);
        let right = match (cheapest, usual) {
            (Some((cheapest, _)), Some((usual, _))) if cheapest.name == usual.name => {
                "the same".to_owned()
            }
            (_, usual) => usual.map_or_else(dash, &mut cell),
        };
        rows.push([line.title.to_owned(), shown(&ours), left, right]);
    }
    let table = markdown(["work", "throughline", "cheapest other", "usual other"], &rows);
    let notes = notes.text();
    Ok(format!("\n{table}\n{LEGEND}{notes}\n{counted} {}.\n", packages.join(", ")))
}

/// What stands between the marks.
pub(super) fn written(readme: &str) -> Option<&str> {
    let (_, behind) = readme.split_once(BEGIN)?;
    behind.split_once(END).map(|(block, _)| block)
}

/// README with another block. Nothing, if it has no marks.
pub(super) fn renewed(readme: &str, block: &str) -> Option<String> {
    let (before, behind) = readme.split_once(BEGIN)?;
    let (_, behind) = behind.split_once(END)?;
    Some(format!("{before}{BEGIN}{block}{END}{behind}"))
}

const fn line(
    title: &'static str,
    table: &'static Table,
    id: &'static str,
    usual: &'static str,
) -> Line {
    Line { title, table, id, usual }
}

impl Line {
    fn row(&self) -> Result<&'static Row, StepError> {
        let row = self.table.rows.iter().find(|row| row.id == self.id);
        row.ok_or_else(|| StepError::Rule(format!("no table has a row {}", self.id)))
    }

    fn others(
        &self,
        row: &Row,
        counts: &Counts,
    ) -> Result<Vec<(&'static Column, Cost)>, StepError> {
        let mut others = Vec::new();
        // What has no package is a measure, and nothing that one could use.
        for column in self.table.columns[1..].iter().filter(|column| !column.package.is_empty()) {
            let cost = self.table.cost(row, column, counts)?;
            others.extend(cost.map(|cost| (column, cost)));
        }
        Ok(others)
    }
}

/// Notes in the order of their first cell: a mark of one table may say something else in another.
#[derive(Default)]
struct Notes(Vec<&'static str>);

impl Notes {
    fn mark(&mut self, table: &'static Table, row: &Row, column: &Column) -> String {
        let mark = table.mark(row, column);
        let Some((_, text)) = table.marks.iter().find(|(known, _)| Some(*known) == mark) else {
            return String::new();
        };
        let known = self.0.iter().position(|known| known == text);
        let number = known.unwrap_or_else(|| {
            self.0.push(text);
            self.0.len() - 1
        });
        format!(" [{}]", number + 1)
    }

    fn text(&self) -> String {
        let line = |(n, text): (usize, &&str)| format!("- [{}]: {text}\n", n + 1);
        let lines: String = self.0.iter().enumerate().map(line).collect();
        if lines.is_empty() { lines } else { format!("\n{lines}") }
    }
}

fn dash() -> String {
    "–".to_owned()
}

const BEGIN: &str = "<!-- figures: cargo xtask peers --write-docs -->\n";
const END: &str = "<!-- end of figures -->\n";

const LEGEND: &str = "\
Instructions / heap allocations, and how many times ours (x). A dash: nobody else here does that.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_has_its_table_below_the_first_screen() {
        let readme = include_str!("../../../README.md");
        let (first_screen, rest) = readme.split_once("<!-- end of the first screen -->").unwrap();
        assert!(written(first_screen).is_none());
        let block = written(rest).unwrap();
        assert!(block.lines().filter(|line| line.starts_with("| ")).count() <= 9, "{block}");
    }

    #[test]
    fn what_stands_outside_of_the_marks_stays() {
        let readme = format!("Before.\n{BEGIN}old\n{END}Behind.\n");
        assert_eq!(written(&readme), Some("old\n"));
        let renewed = renewed(&readme, "new\n").unwrap();
        assert_eq!(renewed, format!("Before.\n{BEGIN}new\n{END}Behind.\n"));
        assert_eq!(super::renewed("Before.\n", "new\n"), None);
        assert_eq!(super::renewed(&format!("{BEGIN}old\n"), "new\n"), None);
    }

    #[test]
    fn every_line_has_its_row_and_its_usual_column() {
        for line in &LINES {
            assert!(line.row().is_ok(), "{}", line.title);
            let mut columns = line.table.columns.iter();
            assert!(columns.any(|column| column.name == line.usual), "{}", line.title);
        }
    }
}
