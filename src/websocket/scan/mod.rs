//! Finds, removes and adds members of a JSON object without touching the rest of its text.

use serde::de::IgnoredAny;

use crate::limits;

mod keys;
mod rewrite;
#[cfg(test)]
mod tests;

pub(super) use keys::Keys;

/// A text that is framed like a JSON object: an opening brace and a key first, a value and a closing brace
/// last, white space and a byte order mark allowed around them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    text: &'a str,
    /// Behind the opening brace.
    open: usize,
    /// The closing brace.
    close: usize,
}

/// One member of an object. Key and value are valid JSON, whatever the rest of the text is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    /// The index of its key in [`Keys`].
    pub(super) key: usize,
    /// The value as it stands in the text.
    pub(super) value: &'a str,
    /// Where the value before ends, or the object begins.
    from: usize,
    /// Where the value ends.
    to: usize,
}

impl<'a> Object<'a> {
    /// `None` if the text is not framed like an object. What is between the braces is not looked at.
    pub(super) fn open(text: &'a str) -> Option<Self> {
        let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let inside = json.trim_start_matches(WHITE_SPACE).strip_prefix('{')?;
        let close = text.trim_end_matches(WHITE_SPACE).strip_suffix('}')?.len();
        let open = text.len() - inside.len();
        let object = (open <= close).then_some(Self { text, open, close })?;
        object.begins_and_ends_well().then_some(object)
    }

    fn begins_and_ends_well(&self) -> bool {
        let first = self.behind_white_space(self.open);
        let last = self.text.get(self.open..self.close).unwrap_or_default();
        match last.trim_end_matches(WHITE_SPACE).as_bytes().last() {
            // The last letters of `true`, `false` and `null` are among them.
            Some(b'"' | b'}' | b']' | b'0'..=b'9' | b'e' | b'l') => self.is(first, b'"'),
            Some(_) => false,
            None => true,
        }
    }

    /// The members with one of `keys`, in the order of the text, duplicates included.
    ///
    /// An object that begins with such members is searched in that run and in its last
    /// [`limits::LATE_DUPLICATE_BYTES`], any other as a whole. In a text that is no valid JSON there may be
    /// any or none.
    pub(super) fn members(&self, keys: &Keys) -> Vec<Member<'a>> {
        self.walk(keys).unwrap_or_default()
    }

    fn walk(&self, keys: &Keys) -> Option<Vec<Member<'a>>> {
        let mut found = Vec::new();
        let (mut from, mut key_at) = (self.open, self.behind_white_space(self.open));
        let late = self.close.saturating_sub(limits::LATE_DUPLICATE_BYTES);
        let (mut in_run, mut key_first) = (true, false);
        while key_at < self.close {
            let key_end = self.value_end(key_at).filter(|_| self.is(key_at, b'"'))?;
            let colon = self.behind_white_space(key_end);
            let value_at =
                self.is(colon, b':').then(|| self.behind_white_space(colon + ":".len()))?;
            let to = self.value_end(value_at)?;
            let key = keys.position(self.text.get(key_at..key_end)?);
            in_run &= key.is_some();
            key_first |= in_run;
            if let Some(key) = key.filter(|_| in_run || !key_first || key_at >= late) {
                found.push(Member { key, value: self.text.get(value_at..to)?, from, to });
            }
            from = to;
            key_at = self.behind_white_space(to);
            if key_at < self.close {
                key_at = self.is(key_at, b',').then(|| self.behind_white_space(key_at + 1))?;
                self.is(key_at, b'"').then_some(())?;
            }
        }
        (key_at == self.close).then_some(found)
    }

    fn value_end(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..self.close)?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        Some(at + values.byte_offset())
    }

    fn behind_white_space(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.len() - rest.trim_start_matches(WHITE_SPACE).len()
    }

    fn is(&self, at: usize, byte: u8) -> bool {
        self.text.as_bytes().get(at) == Some(&byte)
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
