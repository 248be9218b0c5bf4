//! Looks for a quotation mark with one of a few bytes behind it.

use super::look;

/// The bytes that may follow the quotation mark of a key: what the keys begin with, and the backslash of an
/// escape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Openings {
    /// One byte and the backslash: the keys begin alike.
    Two([u8; 2]),
    Four([u8; 4]),
    /// Too many to compare with each.
    Any,
}

impl Openings {
    pub(super) fn new(first_bytes: impl IntoIterator<Item = u8>) -> Self {
        let mut bytes: Vec<_> = first_bytes.into_iter().chain([b'\\']).collect();
        bytes.sort_unstable();
        bytes.dedup();
        match bytes[..] {
            [a] => Self::Two([a; 2]),
            [a, b] => Self::Two([a, b]),
            [a, b, c] => Self::Four([a, b, c, c]),
            [a, b, c, d] => Self::Four([a, b, c, d]),
            _ => Self::Any,
        }
    }

    /// The first such quotation mark from `from` on.
    pub(super) fn next(self, text: &[u8], from: usize) -> Option<usize> {
        let found = match self {
            Self::Two(bytes) => next(text, from, bytes),
            Self::Four(bytes) => next(text, from, bytes),
            Self::Any => Some(from + memchr::memchr(b'"', text.get(from..)?)?),
        };
        look(found.unwrap_or(text.len()).saturating_sub(from));
        found
    }

    /// Whether the text begins with one.
    pub(super) fn is_at_start(self, text: &[u8]) -> bool {
        let [mark, next, ..] = *text else { return false };
        match self {
            Self::Two(bytes) => is_opening(mark, next, bytes),
            Self::Four(bytes) => is_opening(mark, next, bytes),
            Self::Any => mark == b'"',
        }
    }
}

fn next<const N: usize>(text: &[u8], from: usize, bytes: [u8; N]) -> Option<usize> {
    let at = behind_blocks::<64, N>(text, from, bytes);
    let at = behind_blocks::<16, N>(text, at, bytes);
    let mut pairs = text.get(at..)?.windows(2);
    Some(at + pairs.position(|pair| is_opening(pair[0], pair[1], bytes))?)
}

/// The first place from `from` on where no whole block without an opening begins.
fn behind_blocks<const BLOCK: usize, const N: usize>(
    text: &[u8],
    from: usize,
    bytes: [u8; N],
) -> usize {
    let mut at = from;
    while let Some((marks, nexts)) = block::<BLOCK>(text, at) {
        let pairs = marks.iter().zip(nexts);
        // Without a branch, so that compilers make vector instructions of it.
        if pairs.fold(false, |found, (mark, next)| found | is_opening(*mark, *next, bytes)) {
            break;
        }
        at += BLOCK;
    }
    at
}

/// The bytes from a place on, and those that follow each of them.
fn block<const BLOCK: usize>(text: &[u8], at: usize) -> Option<(&[u8; BLOCK], &[u8; BLOCK])> {
    Some((text.get(at..)?.first_chunk()?, text.get(at + 1..)?.first_chunk()?))
}

fn is_opening<const N: usize>(mark: u8, next: u8, bytes: [u8; N]) -> bool {
    (mark == b'"') & bytes.iter().fold(false, |any, byte| any | (next == *byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    proptest! {
        #[test]
        fn every_opening_is_found_in_its_order(
            text in vec(prop_oneof![9 => Just(b'x'), 1 => select(b"\"\"\"_ab\\".to_vec())], 0..400),
            first in select(vec!["", "_", "_a", "_ab", "_abc"]),
        ) {
            let openings = Openings::new(first.bytes());
            let known = [first.as_bytes(), b"\\"].concat();
            let any = matches!(openings, Openings::Any);
            let expected: Vec<_> = (0..text.len())
                .filter(|at| text[*at] == b'"')
                .filter(|at| any || text.get(at + 1).is_some_and(|next| known.contains(next)))
                .collect();
            let mut found = Vec::new();
            while let Some(at) = openings.next(&text, found.last().map_or(0, |last| last + 1)) {
                found.push(at);
            }
            prop_assert_eq!(found, expected);
        }
    }
}
