//! Puts an object's text together again, without some members and with others at its start.

use super::{Member, Object, WHITE_SPACE};

/// Members, without braces, that are written at the start of an object.
pub(in crate::websocket) trait First {
    /// How long they are.
    fn bytes(&self) -> usize;

    fn push_to(&self, out: &mut String);

    fn is_empty(&self) -> bool {
        self.bytes() == 0
    }

    /// What stands between them and the next member.
    fn comma(&self) -> &'static str {
        if self.is_empty() { "" } else { "," }
    }
}

impl First for str {
    fn bytes(&self) -> usize {
        self.len()
    }

    fn push_to(&self, out: &mut String) {
        out.push_str(self);
    }
}

impl Object<'_> {
    /// The text with `first` at the start of the object and without the members `gone`, which are in the
    /// order of the text. Every other byte stays, but for the comma and the white space that bound a removed
    /// member to the one before it.
    pub(in crate::websocket) fn rewrite<F: First + ?Sized>(
        &self,
        first: &F,
        gone: &[Member<'_>],
    ) -> String {
        let mut length = self.open + first.bytes();
        self.behind_first(first.comma(), gone, |piece| length += piece.len());
        let mut out = String::with_capacity(length);
        out.push_str(self.slice(0, self.open));
        first.push_to(&mut out);
        self.behind_first(first.comma(), gone, |piece| out.push_str(piece));
        out
    }

    /// Whether there is nothing but white space between the braces.
    pub(in crate::websocket) fn is_empty(&self) -> bool {
        self.behind_white_space(self.open) == self.close
    }

    fn behind_first(
        &self,
        mut comma: &'static str,
        gone: &[Member<'_>],
        mut piece: impl FnMut(&str),
    ) {
        let mut keep = |from, to| {
            let run = self.slice(from, to);
            if !run.is_empty() {
                piece(comma);
                piece(run);
                comma = ",";
            }
        };
        let mut rest = (!self.is_empty()).then_some(self.open);
        let mut end = self.open;
        for member in gone {
            keep(rest.unwrap_or(end), member.from);
            end = member.to;
            rest = self.behind_comma(end);
        }
        if let Some(rest) = rest {
            keep(rest, self.close);
            end = self.close;
        }
        piece(self.slice(end, self.text.len()));
    }

    /// Where the next member begins, with the white space before it; `None` if there is none.
    fn behind_comma(&self, value_end: usize) -> Option<usize> {
        let rest = self.slice(value_end, self.close).trim_start_matches(WHITE_SPACE);
        let begin = self.close - rest.len();
        (!rest.is_empty()).then_some(begin + usize::from(rest.starts_with(',')))
    }

    fn slice(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}
