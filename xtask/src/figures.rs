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
/// left, the others to the right. All rows are as long as the head.
pub(crate) fn markdown<'a>(head: impl AsRef<[&'a str]>, rows: &[impl AsRef<[String]>]) -> String {
    let head = head.as_ref();
    let width = |(column, title): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.as_ref().get(column));
        let cells = cells.map(|cell| cell.chars().count());
        // The rule below the head has three characters at least.
        cells.chain([title.chars().count(), 3]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = head.iter().enumerate().map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let cell = |(n, (cell, width)): (usize, (&str, &usize))| match n {
            0 => format!("| {cell:<width$} |"),
            _ => format!(" {cell:>width$} |"),
        };
        cells.zip(&widths).enumerate().map(cell).collect::<String>() + "\n"
    };
    let rule = |(n, width): (usize, &usize)| match n {
        0 => format!("|{}|", "-".repeat(width + 2)),
        _ => format!("{}:|", "-".repeat(width + 1)),
    };
    let rule: String = widths.iter().enumerate().map(rule).collect();
    let rows = rows.iter().map(|row| line(&mut row.as_ref().iter().map(String::as_str)));
    line(&mut head.iter().copied()) + &rule + "\n" + &rows.collect::<String>()
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
