//! Counts the words of a text.

use std::collections::HashMap;

/// How often each word occurs, most frequent first, then by the alphabet. Case does not count.
pub fn count(text: &str) -> Vec<(String, usize)> {
    let mut counts = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a, many), (b, few)| few.cmp(many).then_with(|| a.cmp(b)));
    counts
}

/// The share of a count in a total, in percent, rounded down. Nothing has no share.
pub fn percent(count: usize, total: usize) -> usize {
    (count * 100).checked_div(total).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_without_regard_to_case() {
        assert_eq!(
            count("One trace, one tree."),
            [("one".to_owned(), 2), ("trace".to_owned(), 1), ("tree".to_owned(), 1),]
        );
    }

    #[test]
    fn a_text_without_words_has_no_counts() {
        assert_eq!(count(" ,;- "), []);
    }

    #[test]
    fn nothing_has_no_share() {
        assert_eq!(percent(0, 0), 0);
        assert_eq!(percent(1, 3), 33);
    }
}
