//! Finds, removes and adds members of a JSON object without touching the rest of its text.
//!
//! The text is not parsed. What may be one of our keys is looked for first, by comparing whole blocks
//! ([`openings`]). Behind such a key its value is read, and the member stands at the top level if as many
//! brackets close as open between it and the nearer end of the object ([`nesting`]). If the text is JSON,
//! the answer is a parser's.
//!
//! Whether it is JSON is not found out, but [`rewrite`](Object::rewrite) never makes JSON of what is none:
//! it removes only whole, valid members from between others, at a place whose nesting was counted over bytes
//! that stay.

mod keys;
mod nesting;
mod openings;
mod rewrite;
mod search;
#[cfg(test)]
mod tests;

pub(super) use keys::Keys;
pub(super) use rewrite::First;
use search::Search;
#[cfg(test)]
use tests::look;

/// Says that a step looks at so many bytes. Tests count them.
#[cfg(not(test))]
fn look(_bytes: usize) {}

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
    /// `None` if the text is not framed like an object. What is between is not looked at.
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
        let inside = self.text.get(self.open..self.close).unwrap_or_default();
        match inside.trim_end_matches(WHITE_SPACE).is_empty() {
            true => true,
            false => self.byte(first) == Some(b'"') && ends_like_a_value(inside),
        }
    }

    /// The members with one of `keys`, in the order of the text, duplicates included.
    ///
    /// An object that begins with such members, one of which is what is looked for, is searched in that
    /// run and in its last [`LATE_DUPLICATE_BYTES`](crate::limits::LATE_DUPLICATE_BYTES), any other as a
    /// whole. In a text that is no JSON there may be any or none.
    pub(super) fn members(
        &self,
        keys: &Keys,
        is_looked_for: impl Fn(&Member<'a>) -> bool,
    ) -> Vec<Member<'a>> {
        Search::new(*self, keys).members(is_looked_for).unwrap_or_default()
    }

    /// The first place from `at` on that is not white space.
    fn behind_white_space(&self, at: usize) -> usize {
        let after = self.text.as_bytes().get(at..).unwrap_or_default();
        let length =
            after.iter().take_while(|byte| WHITE_SPACE.contains(&char::from(**byte))).count();
        look(length);
        at + length
    }

    /// The first place up to `at` with nothing but white space between.
    fn before_white_space(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        let end = before.trim_end_matches(WHITE_SPACE).len();
        look(before.len() - end);
        end
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }
}

/// Whether the last sign but white space may be that of a value.
pub(super) fn ends_like_a_value(text: &str) -> bool {
    let last = text.trim_end_matches(WHITE_SPACE).as_bytes().last();
    // The last letters of `true`, `false` and `null` are among them.
    matches!(last, Some(b'"' | b'}' | b']' | b'0'..=b'9' | b'e' | b'l'))
}

const BYTE_ORDER_MARK: char = '\u{feff}';
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
