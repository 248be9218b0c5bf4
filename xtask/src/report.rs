//! The table of steps, times and outcomes that ends a run.

use std::fmt::Write;
use std::time::Duration;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Failed,
    /// `--quick` was given.
    LeftOut,
    /// An earlier step failed.
    NotReached,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) time: Duration,
    pub(crate) outcome: Outcome,
}

/// The rows as text, with a line for their total time.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<10} {:>9}  result\n", "step", "time");
    for row in rows {
        let (time, result) = match row.outcome {
            Outcome::Ok => (seconds(row.time), "ok"),
            Outcome::Failed => (seconds(row.time), "FAILED"),
            Outcome::LeftOut => ("-".to_owned(), "left out by --quick"),
            Outcome::NotReached => ("-".to_owned(), "not reached"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<10} {time:>9}  {result}", row.name);
    }
    let total = seconds(rows.iter().map(|row| row.time).sum());
    let _ = writeln!(text, "{:<10} {total:>9}", "total");
    text
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_line_with_its_time_and_outcome() {
        let row = |name, ms, outcome| Row { name, time: Duration::from_millis(ms), outcome };
        let text = table(&[
            row("fmt", 840, Outcome::Ok),
            row("clippy", 61_200, Outcome::Failed),
            row("test", 0, Outcome::NotReached),
            row("docs", 0, Outcome::LeftOut),
        ]);
        let expected = "\
step            time  result
fmt            0.8 s  ok
clippy        61.2 s  FAILED
test               -  not reached
docs               -  left out by --quick
total         62.0 s
";
        assert_eq!(text, expected);
    }
}
