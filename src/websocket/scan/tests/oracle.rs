//! The slow way to the same results: a full parse by serde_json.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::{BYTE_ORDER_MARK, WHITE_SPACE};
use crate::limits;

/// Every member of an object, borrowed from its text.
pub(super) struct Parsed<'a> {
    text: &'a str,
    pub(super) members: Vec<ParsedMember<'a>>,
}

/// One member: its key with quotation marks and escapes, and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParsedMember<'a> {
    key: &'a str,
    pub(super) value: &'a str,
}

impl<'a> Parsed<'a> {
    /// `None` if the text is anything but one valid JSON object. A byte order mark is allowed.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let Members(members) = serde_json::from_str(json).ok()?;
        Some(Self { text, members })
    }

    /// Which members a reader is told of, as indices of `members` and of `keys`.
    pub(super) fn found(&self, keys: &[&str]) -> Vec<(usize, usize)> {
        let known = |member: &ParsedMember<'_>| {
            // Half of a surrogate pair is no key of ours.
            let key: String = serde_json::from_str(member.key).ok()?;
            keys.iter().position(|own| *own == key)
        };
        let run = self.members.iter().take_while(|member| known(member).is_some()).count();
        let end = self.text.trim_end_matches(WHITE_SPACE).len() - "}".len();
        let late = |member: &ParsedMember<'_>| {
            self.offset(member.key) + limits::LATE_DUPLICATE_BYTES >= end
        };
        let members = self.members.iter().enumerate();
        members
            .filter(|(at, member)| run == 0 || *at < run || late(member))
            .filter_map(|(at, member)| Some((at, known(member)?)))
            .collect()
    }

    /// The text with `first` at the start and without the members `gone`.
    pub(super) fn rewrite(&self, first: &str, gone: &[usize]) -> String {
        let open = self.text.find('{').unwrap() + 1;
        let mut out = format!("{}{first}", &self.text[..open]);
        let (mut empty, mut rest, mut neighbor_stays) = (first.is_empty(), open, false);
        for (at, member) in self.members.iter().enumerate() {
            let end = self.offset(member.value) + member.value.len();
            let text = &self.text[rest..end];
            rest = end;
            if gone.contains(&at) {
                neighbor_stays = false;
            } else if neighbor_stays {
                out.push_str(text);
            } else {
                let text = text.trim_start_matches(WHITE_SPACE).strip_prefix(',').unwrap_or(text);
                out.push_str(if empty { "" } else { "," });
                out.push_str(text);
                (empty, neighbor_stays) = (false, true);
            }
        }
        out + &self.text[rest..]
    }

    /// Where a part stands in the text that it was borrowed from.
    pub(super) fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }
}

/// Every member in order, duplicates included.
struct Members<'a>(Vec<ParsedMember<'a>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;

        impl<'de> Visitor<'de> for Walk {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push(ParsedMember { key: key.get(), value: value.get() });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Walk)
    }
}
