//! The search for members at the top level of an object.

use serde::de::IgnoredAny;

use super::nesting::net_nesting;
use super::{Keys, Member, Object, look};
use crate::limits;

/// A search that has come to some place of the text.
///
/// Its steps return `None` where they see that the text is no JSON. Steps of one kind never look at the same
/// bytes twice, so that no text costs more than a few walks through it.
pub(super) struct Search<'a, 'k> {
    object: Object<'a>,
    keys: &'k Keys,
    found: Vec<Member<'a>>,
    /// A place outside of strings, and how many brackets are open there.
    known: (usize, isize),
}

/// A key with its colon.
struct Key {
    index: usize,
    value_at: usize,
}

impl<'a, 'k> Search<'a, 'k> {
    pub(super) fn new(object: Object<'a>, keys: &'k Keys) -> Self {
        Self { object, keys, found: Vec::new(), known: (object.open, 1) }
    }

    pub(super) fn members(
        mut self,
        is_looked_for: impl Fn(&Member<'a>) -> bool,
    ) -> Option<Vec<Member<'a>>> {
        let Object { text, open, close } = self.object;
        let mut from = open;
        let first = self.object.behind_white_space(open);
        if let Some(key) = self.key(first) {
            let end = self.run(key, open)?;
            self.next_member_or_end(end)?;
            self.known = (end, 1);
            from = match self.found.iter().any(is_looked_for) {
                true => end.max(close.saturating_sub(limits::LATE_DUPLICATE_BYTES)),
                false => end,
            };
        }
        let inside = text.as_bytes().get(..close)?;
        while let Some(quote) = self.keys.opening(inside, from) {
            from = match self.key(quote).filter(|_| !is_escaped(inside, quote)) {
                Some(key) => self.candidate(quote, key)?,
                None => quote + 1,
            };
        }
        Some(self.found)
    }

    /// Keeps the members that begin with this key if they stand at the top level; returns their end.
    fn candidate(&mut self, quote: usize, key: Key) -> Option<usize> {
        let kept = self.found.len();
        let before = self.value_before(quote);
        let end = self.run(key, before.unwrap_or(quote))?;
        let depth = self.depth(quote, end)?;
        self.known = (end, depth);
        if depth == 1 {
            before?;
            self.next_member_or_end(end)?;
        } else {
            self.found.truncate(kept);
        }
        Some(end)
    }

    /// Finds members that follow one another and all have one of our keys; returns where the last ends.
    fn run(&mut self, mut key: Key, mut from: usize) -> Option<usize> {
        loop {
            let to = self.value_end(key.value_at)?;
            let value = self.object.text.get(key.value_at..to)?;
            self.found.push(Member { key: key.index, value, from, to });
            let comma = self.object.behind_white_space(to);
            if self.object.byte(comma)? != b',' {
                return Some(to);
            }
            let quote = self.object.behind_white_space(comma + 1);
            match self.key(quote) {
                Some(next) => (key, from) = (next, to),
                None => return Some(to),
            }
        }
    }

    /// How many brackets are open around members that lie between `quote` and `end`: counted from what is
    /// known before or from the end of the text, whichever is nearer.
    fn depth(&self, quote: usize, end: usize) -> Option<isize> {
        let Object { text, close, .. } = self.object;
        let (known, depth) = self.known;
        if quote - known <= close - end {
            Some(depth + net_nesting(text.as_bytes().get(known..quote)?)?)
        } else {
            Some(1 - net_nesting(text.as_bytes().get(end..close)?)?)
        }
    }

    /// One of our keys with a colon behind it. The quotation mark at that place may still be inside of a
    /// string.
    fn key(&self, quote: usize) -> Option<Key> {
        let (index, end) = self.keys.spelled(self.object.text.as_bytes(), quote)?;
        let colon = self.object.behind_white_space(end);
        (self.object.byte(colon)? == b':')
            .then(|| Key { index, value_at: self.object.behind_white_space(colon + 1) })
    }

    /// The value is read whole, since a member with anything else in it must not be removed.
    fn value_end(&self, at: usize) -> Option<usize> {
        let rest = self.object.text.get(at..self.object.close)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        let is_value = values.next()?.is_ok();
        look(if is_value { values.byte_offset() } else { rest.len() });
        is_value.then(|| at + values.byte_offset())
    }

    /// Where the value before a key ends: left of the comma that has to be there.
    fn value_before(&self, quote: usize) -> Option<usize> {
        let comma = self.object.before_white_space(quote).checked_sub(1)?;
        let end =
            (self.object.byte(comma)? == b',').then(|| self.object.before_white_space(comma))?;
        // The last byte of a string, list, object, number, `true`, `false` or `null`.
        let last = self.object.byte(end.checked_sub(1)?)?;
        matches!(last, b'"' | b']' | b'}' | b'0'..=b'9' | b'e' | b'l').then_some(end)
    }

    /// `None` unless the end of the object comes behind a member, or a comma and the next key.
    fn next_member_or_end(&self, end: usize) -> Option<()> {
        let next = self.object.behind_white_space(end);
        if next == self.object.close {
            return Some(());
        }
        let quote = self.object.behind_white_space(next + 1);
        (self.object.byte(next)? == b',' && self.object.byte(quote)? == b'"').then_some(())
    }
}

/// Whether an odd number of backslashes stands before that place.
fn is_escaped(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let count = before.iter().rev().take_while(|byte| **byte == b'\\').count();
    look(count);
    count % 2 == 1
}
