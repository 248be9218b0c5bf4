//! A layer that misbehaves is seen to do so, row by row; this library's answers are right.
//!
//! `cfg(test)` is always on here. It tells clippy that functions beside the tests may panic too.

#[cfg(test)]
mod careless;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod page;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod us;

/// What a column answers to the question of this title.
#[cfg(test)]
fn answer_in<'a>(column: &'a scenarios::Column, title: &str) -> &'a str {
    let row = scenarios::ROWS.iter().position(|row| row.title == title).unwrap();
    &column.answers[row]
}
