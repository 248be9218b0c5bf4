//! A table of what work costs: this library first, the others are compared with it.

use std::fs;
use std::path::Path;

use conformance::version_in;

use super::{Counts, OURS};
use crate::bench::Cost;
use crate::command::StepError;
use crate::figures::{markdown, thousands};

/// One kind of work.
pub(super) struct Table {
    pub(super) title: &'static str,
    /// This library's first.
    pub(super) columns: &'static [Column],
    pub(super) rows: &'static [Row],
    /// What a cell does otherwise than its row says: name of the column, id of the row, mark.
    pub(super) notes: &'static [(&'static str, &'static str, char)],
    /// What the marks say.
    pub(super) marks: &'static [(char, &'static str)],
    /// What is counted, as sentences.
    pub(super) legend: &'static str,
}

/// Whose work it is.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whose version stands in the head, in the lock file beside the manifest. None for what is no
    /// package.
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

    /// In Markdown, with what the marks say.
    ///
    /// # Errors
    /// If a figure of ours is missing, or the allocations of another.
    pub(super) fn text(&self, heads: &[String], counts: &Counts) -> Result<String, StepError> {
        let head: Vec<_> = ["work"].into_iter().chain(heads.iter().map(String::as_str)).collect();
        let mut rows = Vec::new();
        for row in self.rows {
            let ours = self.cost_of_ours(row, counts)?;
            let mut line = vec![row.title.to_owned(), shown(&ours)];
            for column in &self.columns[1..] {
                let cost = self.cost(row, column, counts)?;
                line.push(cost.map_or_else(String::new, |cost| self.cell(row, column, cost, ours)));
            }
            rows.push(line);
        }
        let marks = self.marks.iter().map(|(mark, what)| format!("- {mark}: {what}\n"));
        let marks = ["\n".to_owned()].into_iter().chain(marks);
        let marks: String = if self.marks.is_empty() { String::new() } else { marks.collect() };
        Ok(format!("{}\n\n{}{marks}", self.legend, markdown(head, &rows)))
    }

    /// Names and versions.
    pub(super) fn heads(&self, root: &Path) -> Vec<String> {
        self.columns.iter().map(|column| column.head(root)).collect()
    }

    /// What this library's work costs.
    ///
    /// # Errors
    /// If it was not counted.
    pub(super) fn cost_of_ours(&self, row: &Row, counts: &Counts) -> Result<Cost, StepError> {
        let cost = self.cost(row, self.ours(), counts)?;
        cost.ok_or_else(|| StepError::Rule(format!("there is no bench {} of ours", row.ours)))
    }

    /// Nothing, where somebody does no such work.
    ///
    /// # Errors
    /// If its instructions were counted, and its allocations were not.
    pub(super) fn cost(
        &self,
        row: &Row,
        column: &Column,
        counts: &Counts,
    ) -> Result<Option<Cost>, StepError> {
        let id = if column.manifest == OURS { row.ours } else { row.id };
        let key = (column.manifest, column.group.to_owned(), id.to_owned());
        let Some(instructions) = counts.instructions.get(&key).copied() else { return Ok(None) };
        let (manifest, group) = column.counted;
        let key = (manifest, group.to_owned(), row.id.to_owned());
        let Some(allocations) = counts.allocations.get(&key).copied() else {
            let missing = format!("nobody counts the allocations of {group}, {}", row.id);
            return Err(StepError::Rule(missing));
        };
        Ok(Some(Cost { instructions, allocations, budget: None }))
    }

    /// A cost, and how many times ours it is.
    pub(super) fn times(cost: Cost, ours: Cost) -> String {
        format!("{} x{}", shown(&cost), ratio(cost.instructions, ours.instructions))
    }

    fn cell(&self, row: &Row, column: &Column, cost: Cost, ours: Cost) -> String {
        let mark = self.mark(row, column).map_or_else(String::new, |mark| format!(" {mark}"));
        format!("{}{mark}", Self::times(cost, ours))
    }

    pub(super) fn mark(&self, row: &Row, column: &Column) -> Option<char> {
        let note = self.notes.iter().find(|(name, id, _)| *name == column.name && *id == row.id)?;
        Some(note.2)
    }
}

impl Column {
    fn head(&self, root: &Path) -> String {
        match self.package {
            "" => self.name.to_owned(),
            _ => format!("{} {}", self.name, self.version(root)),
        }
    }

    /// As the lock file beside the manifest has it.
    pub(super) fn version(&self, root: &Path) -> String {
        let lock = root.join(self.manifest).with_file_name("Cargo.lock");
        let lock = fs::read_to_string(lock).unwrap_or_default();
        version_in(&lock, self.package).to_owned()
    }
}

pub(super) fn shown(cost: &Cost) -> String {
    format!("{} / {}", thousands(cost.instructions), cost.allocations)
}

/// Two digits, or as many as there are before the point.
fn ratio(figure: u64, ours: u64) -> String {
    let ours = ours.max(1);
    let tenths = (figure * 10 + ours / 2) / ours;
    match tenths {
        0..10 => format!("{:.2}", figure as f64 / ours as f64),
        10..100 => format!("{}.{}", tenths / 10, tenths % 10),
        _ => ((figure + ours / 2) / ours).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_have_two_digits_or_more() {
        let ratios = [ratio(3769, 331), ratio(1582, 331), ratio(330, 331), ratio(70, 1000)];
        assert_eq!(ratios, ["11", "4.8", "1.0", "0.07"]);
        assert_eq!(ratio(4_159, 331), "13");
    }
}
