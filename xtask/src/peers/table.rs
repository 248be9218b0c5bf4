//! A table of what work costs: this library first, the others are compared with it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use conformance::version_in;

use super::{Counts, OURS};
use crate::command::StepError;
use crate::figures::thousands;

/// One kind of work.
pub(super) struct Table {
    /// This library's first.
    pub(super) columns: &'static [Column],
    pub(super) rows: &'static [Row],
    /// What a cell does otherwise than its row says: name of the column, id of the row, mark.
    pub(super) notes: &'static [(&'static str, &'static str, char)],
    pub(super) legend: &'static str,
}

/// Whose work it is.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whose version stands in the head, in the lock file beside the manifest.
    pub(super) package: &'static str,
    pub(super) manifest: &'static str,
    /// The group of its benches.
    pub(super) group: &'static str,
    /// Manifest and group of its allocations.
    pub(super) counted: (&'static str, &'static str),
}

/// A piece of work.
pub(super) struct Row {
    pub(super) title: &'static str,
    /// The id of the peers' benches, and of everybody's allocations.
    pub(super) id: &'static str,
    /// Function and id of ours.
    pub(super) ours: &'static str,
}

/// A row.
pub(super) const fn row(title: &'static str, id: &'static str, ours: &'static str) -> Row {
    Row { title, id, ours }
}

impl Table {
    pub(super) fn ours(&self) -> &'static Column {
        &self.columns[0]
    }

    /// Names and versions.
    pub(super) fn heads(&self, root: &Path) -> Vec<String> {
        let head = |column: &Column| {
            let lock = root.join(column.manifest).with_file_name("Cargo.lock");
            let lock = fs::read_to_string(lock).unwrap_or_default();
            format!("{} {}", column.name, version_in(&lock, column.package))
        };
        self.columns.iter().map(head).collect()
    }

    /// The table with its legend.
    ///
    /// # Errors
    /// If a figure of ours is missing.
    pub(super) fn text(&self, heads: &[String], counts: &Counts) -> Result<String, StepError> {
        let mut lines = vec![[String::new()].iter().chain(heads).cloned().collect()];
        for row in self.rows {
            let mut line = vec![row.title.to_owned()];
            for column in self.columns {
                line.push(self.cell(row, column, counts)?);
            }
            lines.push(line);
        }
        Ok(format!("{}\n{}", aligned(&lines), self.legend))
    }

    fn cell(&self, row: &Row, column: &Column, counts: &Counts) -> Result<String, StepError> {
        let instructions = |column: &Column, id: &str| {
            let key = (column.manifest, column.group.to_owned(), id.to_owned());
            counts.instructions.get(&key).copied()
        };
        let Some(ours) = instructions(self.ours(), row.ours) else {
            return Err(StepError::Rule(format!("there is no bench {} of ours", row.ours)));
        };
        let (manifest, group) = column.counted;
        let key = (manifest, group.to_owned(), row.id.to_owned());
        let counted = counts.allocations.get(&key).map_or("?".to_owned(), u64::to_string);
        if column.manifest == OURS {
            return Ok(format!("{} / {counted}", thousands(ours)));
        }
        let Some(figure) = instructions(column, row.id) else { return Ok(String::new()) };
        let note = self.notes.iter().find(|(name, id, _)| *name == column.name && *id == row.id);
        let note = note.map_or(' ', |(.., note)| *note);
        Ok(format!("{} / {counted} x{}{note}", thousands(figure), ratio(figure, ours)))
    }
}

/// The first column to the left, the others to the right.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell: &String| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a String cannot fail.
            let _ = match column {
                0 => write!(text, "{cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// One digit behind the point below ten.
fn ratio(figure: u64, ours: u64) -> String {
    let tenths = (figure * 10 + ours / 2) / ours.max(1);
    if tenths < 100 {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        (tenths / 10).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_have_two_digits() {
        assert_eq!([ratio(3769, 331), ratio(1582, 331), ratio(330, 331)], ["11", "4.8", "1.0"]);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let lines = [["", "a", "bcd"], ["row", "12", ""]].map(|line| line.map(str::to_owned));
        assert_eq!(aligned(&lines.map(Vec::from)), "      a  bcd\nrow  12\n");
    }
}
