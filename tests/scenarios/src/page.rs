//! The answers side by side, in Markdown that is read in a terminal as well.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::BoxError;

use crate::rows::ROWS;
use crate::subject::Subject;

/// All answers of one layer.
#[derive(Clone, Debug)]
pub struct Column {
    /// Name and version.
    pub name: String,
    /// One for each of [`ROWS`].
    pub answers: Vec<String>,
}

impl Column {
    /// Asks everything.
    ///
    /// # Errors
    /// If a question could not be put.
    pub fn of(subject: impl Subject + 'static) -> Result<Self, BoxError> {
        let subject: Arc<dyn Subject> = Arc::new(subject);
        let answers = ROWS.iter().map(|row| {
            row.ask(&subject)
                .map_err(|error| format!("{}, {}: {error}", subject.name(), row.title).into())
        });
        Ok(Self { answers: answers.collect::<Result<_, BoxError>>()?, name: subject.name() })
    }
}

/// What a layer answers that is not right, by row.
#[must_use]
pub fn objections(column: &Column) -> Vec<String> {
    let wrong = ROWS.iter().zip(&column.answers).filter(|(row, answer)| !row.is_right(answer));
    wrong.map(|(row, answer)| format!("{}, {}: {answer}", column.name, row.title)).collect()
}

/// The page with the table, and a sentence on each row.
#[must_use]
pub fn page(columns: &[Column]) -> String {
    let mut lines = vec![head(columns)];
    lines.extend(ROWS.iter().enumerate().map(|(n, row)| {
        let cell = |column: &Column| {
            let answer = &column.answers[n];
            if row.is_right(answer) { answer.clone() } else { format!("**{answer}**") }
        };
        std::iter::once(row.title.to_owned()).chain(columns.iter().map(cell)).collect()
    }));
    let mut text = format!("{INTRODUCTION}\n{}\n", table(&lines));
    for row in ROWS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "- **{}**: {}", row.title, row.asked);
    }
    text
}

fn head(columns: &[Column]) -> Vec<String> {
    std::iter::once("scenario".to_owned())
        .chain(columns.iter().map(|column| column.name.clone()))
        .collect()
}

/// The first line is the head.
fn table(lines: &[Vec<String>]) -> String {
    let width = |n: usize| lines.iter().map(|line| line[n].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for (n, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!(" {cell:width$} |"));
        let _ = writeln!(text, "|{}", cells.collect::<String>());
        if n == 0 {
            let rule = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2)));
            let _ = writeln!(text, "|{}", rule.collect::<String>());
        }
    }
    text
}

const INTRODUCTION: &str = "\
# What other layers make of a bad day

Written by `cargo xtask peers --scenarios --write-docs`, which sends the same requests through the HTTP
layers of other crates and of this one, and says what became of their spans. Without `--write-docs` it
fails if anything differs from this page.

**Bold**: a trace that breaks, a span that misleads, a gauge that leaks, a secret that is exported. A
layer that does not count `http.server.active_requests` has no gauge.
";
