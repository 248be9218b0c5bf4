//! Figures as people read them.

/// With a comma between thousands.
pub(crate) fn thousands(figure: u64) -> String {
    let digits = figure.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// By how much a figure has changed, in percent of the old one.
pub(crate) fn change(old: u64, new: u64) -> f64 {
    if old == new { 0.0 } else { (new as f64 / old as f64 - 1.0) * 100.0 }
}

/// With its sign and one digit behind the point.
pub(crate) fn percent(change: f64) -> String {
    if change == 0.0 { "0".to_owned() } else { format!("{change:+.1} %") }
}

/// A table in Markdown whose columns are aligned, since it is read on a screen too: the first to the
/// left, the others to the right.
pub(crate) fn markdown<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        // The rule below the head has three characters at least.
        cells.chain([head[column].chars().count(), 3]).max().unwrap_or_default()
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let cell = |(n, width): (usize, &usize)| match n {
            0 => format!("| {:<width$} |", cells[n]),
            _ => format!(" {:>width$} |", cells[n]),
        };
        widths.iter().enumerate().map(cell).collect::<String>() + "\n"
    };
    let rule = |(n, width): (usize, &usize)| match n {
        0 => format!("|{}|", "-".repeat(width + 2)),
        _ => format!("{}:|", "-".repeat(width + 1)),
    };
    let rule: String = widths.iter().enumerate().map(rule).collect();
    let rows = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    line(head) + &rule + "\n" + &rows.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([7, 907, 1907, 304_947].map(thousands), ["7", "907", "1,907", "304,947"]);
        let shown = [(200, 213), (200, 187), (200, 200), (0, 0), (0, 1)];
        let shown = shown.map(|(old, new)| percent(change(old, new)));
        assert_eq!(shown, ["+6.5 %", "-6.5 %", "0", "0", "+inf %"]);
    }

    #[test]
    fn a_table_is_markdown_and_aligned() {
        let rows = [["one", "1"], ["twelve", "12,000"]].map(|row| row.map(str::to_owned));
        let expected = "\
| bench  |  count |
|--------|-------:|
| one    |      1 |
| twelve | 12,000 |
";
        assert_eq!(markdown(["bench", "count"], &rows), expected);
    }
}
