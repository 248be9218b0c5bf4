use scenarios::{Column, ROWS, objections, page};

#[test]
fn the_page_shows_every_answer_and_marks_what_is_wrong() {
    let column = |name: &str, answers: &[&str]| Column {
        name: name.to_owned(),
        answers: answers.iter().map(|&answer| answer.to_owned()).collect(),
    };
    let right = ["9 of 9", "error (x), gauge 0", "error (y), gauge 0", "error", "covers the body"];
    let right = [&right[..], &["ends with the response", "yes", "no", "yes", "1 / 0"]].concat();
    let wrong = ["8 of 9", "unset, gauge 1", "ok, gauge 0", "lost", "ends at headers"];
    let wrong = [&wrong[..], &["never ends", "no", "yes", "no", "9 / 9"]].concat();
    let columns = [column("us", &right), column("them", &wrong)];
    assert_eq!(objections(&columns[0]), [""; 0]);
    assert_eq!(objections(&columns[1]).len(), 9);
    let page = page(&columns);
    for (row, (right, wrong)) in ROWS.iter().zip(right.iter().zip(&wrong)) {
        let start = format!("| {} ", row.title);
        let line = page.lines().find(|line| line.starts_with(&start)).unwrap();
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let marked = format!("**{wrong}**");
        let wrong = if row.title == "allocations" { wrong } else { marked.as_str() };
        assert_eq!(cells[2..4], [*right, wrong], "{line}");
        assert!(page.contains(&format!("\n- **{}**: {}\n", row.title, row.asked)));
    }
}
