//! JSON objects, read by a full parse.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use throughline::limits;

/// Every member of an object, borrowed from its text.
pub struct Parsed<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

/// A key with its quotation marks and escapes, and a value.
pub struct Member<'a> {
    key: &'a str,
    pub value: &'a str,
}

impl<'a> Parsed<'a> {
    /// `None` if the text is anything but one JSON object, with a byte order mark or without.
    pub fn parse(text: &'a str) -> Option<Self> {
        let json = text.strip_prefix('\u{feff}').unwrap_or(text);
        let Members(members) = serde_json::from_str(json).ok()?;
        Some(Self { text, members })
    }

    /// The members with one of these names that count as found, with the index of the name: those that
    /// the object begins with and those at its end, or all if none of the first is looked for.
    pub fn found(
        &self,
        names: &[&str],
        is_looked_for: impl Fn(usize, &Member<'a>) -> bool,
    ) -> Vec<(usize, &Member<'a>)> {
        let known = |member: &Member<'_>| {
            let key: String = serde_json::from_str(member.key).ok()?;
            names.iter().position(|name| *name == key)
        };
        let run = self.members.iter().map_while(|member| Some((known(member)?, member)));
        let hides = run.clone().any(|(at, member)| is_looked_for(at, member));
        let run = if hides { run.count() } else { 0 };
        let end = self.text.trim_end_matches(WHITE_SPACE).len() - 1;
        let is_late =
            |member: &Member<'_>| self.offset(member.key) + limits::LATE_DUPLICATE_BYTES >= end;
        let members = self.members.iter().enumerate();
        let searched = members.filter(|(at, member)| run == 0 || *at < run || is_late(member));
        searched.filter_map(|(_, member)| Some((known(member)?, member))).collect()
    }

    /// The text with `first` at the start of the object and without the members `gone`.
    pub fn rewrite(&self, first: &str, gone: &[&Member<'_>]) -> String {
        let open = self.text.find('{').unwrap() + 1;
        let mut out = format!("{}{first}", &self.text[..open]);
        let (mut empty, mut rest, mut neighbor_stays) = (first.is_empty(), open, false);
        for member in &self.members {
            let end = self.offset(member.value) + member.value.len();
            let text = &self.text[rest..end];
            rest = end;
            if gone.iter().any(|gone| std::ptr::eq(*gone, member)) {
                neighbor_stays = false;
            } else if neighbor_stays {
                out.push_str(text);
            } else {
                out.push_str(if empty { "" } else { "," });
                out.push_str(
                    text.trim_start_matches(WHITE_SPACE).strip_prefix(',').unwrap_or(text),
                );
                (empty, neighbor_stays) = (false, true);
            }
        }
        out + &self.text[rest..]
    }

    /// The text with the value of a member replaced.
    pub fn with_value(&self, member: &Member<'_>, value: &str) -> String {
        let at = self.offset(member.value);
        [&self.text[..at], value, &self.text[at + member.value.len()..]].concat()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }
}

const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Every member in order, duplicates included.
struct Members<'a>(Vec<Member<'a>>);

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
                    members.push(Member { key: key.get(), value: value.get() });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Walk)
    }
}
