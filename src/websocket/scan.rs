//! Finds and removes members of a JSON object without touching the rest of its text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

#[derive(Clone, Debug)]
pub(super) struct Keys(Vec<String>);

impl Keys {
    pub(super) fn new<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        Self(keys.into_iter().map(str::to_owned).collect())
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    text: &'a str,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'a> {
    pub(super) key: usize,
    pub(super) value: &'a str,
}

#[derive(Debug)]
struct RawMember<'a> {
    key: &'a str,
    value: &'a str,
}

impl RawMember<'_> {
    fn is(&self, key: &str) -> bool {
        if self.key.contains('\\') {
            return serde_json::from_str::<String>(self.key).is_ok_and(|own| own == key);
        }
        self.key.strip_prefix('"').and_then(|own| own.strip_suffix('"')) == Some(key)
    }
}

impl<'a> Object<'a> {
    pub(super) fn open(text: &'a str) -> Option<Self> {
        Self::walk(text).map(|_| Self { text })
    }

    fn walk(text: &'a str) -> Option<Vec<RawMember<'a>>> {
        let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        if !json.trim_start_matches(WHITE_SPACE).starts_with('{') {
            return None;
        }
        let Members(members) = serde_json::from_str(json).ok()?;
        Some(members)
    }

    pub(super) fn members(&self, keys: &Keys) -> Vec<Member<'a>> {
        let all = Self::walk(self.text).unwrap_or_default();
        all.iter()
            .filter_map(|m| {
                let key = keys.0.iter().position(|key| m.is(key))?;
                Some(Member { key, value: m.value })
            })
            .collect()
    }

    pub(super) fn rewrite(&self, first: &str, gone: &[Member<'a>]) -> String {
        let mut out = String::with_capacity(self.text.len() + first.len() + 1);
        let open = self.text.find('{').map_or(0, |brace| brace + 1);
        out.push_str(self.text.get(..open).unwrap_or_default());
        out.push_str(first);
        let mut empty = first.is_empty();
        let mut rest = open;
        let mut neighbor_stays = false;
        for member in Self::walk(self.text).unwrap_or_default() {
            let end = self.end(member.value);
            let text = self.text.get(rest..end).unwrap_or_default();
            rest = end;
            if gone.iter().any(|g| g.value.as_ptr() == member.value.as_ptr()) {
                neighbor_stays = false;
                continue;
            }
            if neighbor_stays {
                out.push_str(text);
                continue;
            }
            let text = text.trim_start_matches(WHITE_SPACE).strip_prefix(',').unwrap_or(text);
            if !empty {
                out.push(',');
            }
            empty = false;
            neighbor_stays = true;
            out.push_str(text);
        }
        out.push_str(self.text.get(rest..).unwrap_or_default());
        out
    }

    fn end(&self, value: &str) -> usize {
        value.as_ptr().addr() - self.text.as_ptr().addr() + value.len()
    }
}

/// Every member in order, duplicates included.
struct Members<'a>(Vec<RawMember<'a>>);

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
                    members.push(RawMember { key: key.get(), value: value.get() });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Walk)
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
