//! Finds and removes members of a JSON object without touching the rest of its text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, borrowed from its text.
#[derive(Debug)]
pub(super) struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

/// One member as it stands in the text: its key with quotation marks and escapes, and its value.
#[derive(Debug)]
struct Member<'a> {
    key: &'a str,
    value: &'a str,
}

impl Member<'_> {
    /// A key that cannot be unescaped, since it holds half of a surrogate pair, is none of ours.
    fn is(&self, key: &str) -> bool {
        if self.key.contains('\\') {
            return serde_json::from_str::<String>(self.key).is_ok_and(|own| own == key);
        }
        self.key.strip_prefix('"').and_then(|own| own.strip_suffix('"')) == Some(key)
    }
}

impl<'a> Object<'a> {
    /// `None` if the text is anything but one valid JSON object. A byte order mark is allowed.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        // Saves the walk through what is plainly no object.
        if !json.trim_start_matches(WHITE_SPACE).starts_with('{') {
            return None;
        }
        let Members(members) = serde_json::from_str(json).ok()?;
        Some(Self { text, members })
    }

    /// The value of a key. Of several members with that key the last one counts, as for every reader.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        self.members.iter().rev().find(|member| member.is(key)).map(|member| member.value)
    }

    pub(super) fn has(&self, keys: &[&str]) -> bool {
        self.members.iter().any(|member| keys.iter().any(|key| member.is(key)))
    }

    /// The text with `first` (members without braces) at the start of the object and without any
    /// member that has one of `keys`.
    pub(super) fn rewrite(&self, first: &str, keys: &[&str]) -> String {
        let mut out = String::with_capacity(self.text.len() + first.len() + 1);
        let open = self.text.find('{').map_or(0, |brace| brace + 1);
        out.push_str(self.text.get(..open).unwrap_or_default());
        out.push_str(first);
        let mut empty = first.is_empty();
        let mut rest = open;
        let mut neighbor_stays = false;
        for member in &self.members {
            let end = self.end(member.value);
            let text = self.text.get(rest..end).unwrap_or_default();
            rest = end;
            if keys.iter().any(|key| member.is(key)) {
                neighbor_stays = false;
                continue;
            }
            if neighbor_stays {
                out.push_str(text);
                continue;
            }
            // Behind the value before stand a comma (except at the start), the key and the value.
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

    /// Where a value ends in the text that it was borrowed from.
    fn end(&self, value: &str) -> usize {
        value.as_ptr().addr() - self.text.as_ptr().addr() + value.len()
    }
}

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

const BYTE_ORDER_MARK: char = '\u{feff}';
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(text: &str, first: &str) -> Option<String> {
        Some(Object::parse(text)?.rewrite(first, &["_trace"]))
    }

    #[test]
    fn a_member_is_found_wherever_it_stands_and_only_there() {
        for text in [
            r#"{"_trace":1}"#,
            r#"{"_trace":1,"a":2}"#,
            "\u{feff} {\n\"a\" : {\"_trace\":0} ,\t\"_trace\" : 1 } ",
            r#"{"a":"\"_trace\":0","_trace":1}"#,
            r#"{"\u005ftrace":1}"#,
            r#"{"_trace":0,"_trace":1}"#,
        ] {
            assert_eq!(Object::parse(text).unwrap().get("_trace"), Some("1"), "{text}");
        }
        for text in [r#"{"a":"_trace"}"#, r#"{"a":{"_trace":1}}"#, r#"{"_trace ":1}"#, "{}"] {
            assert_eq!(Object::parse(text).unwrap().get("_trace"), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        for text in ["", "null", "[{}]", "1", "\"{}\"", "{", r#"{"a":}"#, "{}{}", r#"{"a":1,}"#] {
            assert!(Object::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_the_members_in_question_change() {
        let cases = [
            ("{}", r#"{"n":1}"#, "{}"),
            (" { } ", r#" {"n":1 } "#, " { } "),
            (r#"{"a":1.0e5}"#, r#"{"n":1,"a":1.0e5}"#, r#"{"a":1.0e5}"#),
            (r#"{"_trace":0}"#, r#"{"n":1}"#, "{}"),
            (r#"{"_trace":0,"a":1}"#, r#"{"n":1,"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1,"_trace":0}"#, r#"{"n":1,"a":1}"#, r#"{"a":1}"#),
            (
                "{ \"a\" : 1 , \"_trace\":0 , \"b\":\"\\u00e9\" }",
                "{\"n\":1, \"a\" : 1, \"b\":\"\\u00e9\" }",
                "{ \"a\" : 1, \"b\":\"\\u00e9\" }",
            ),
            (r#"{"_trace":0,"\u005ftrace":1,"a":1,"_trace":2}"#, r#"{"n":1,"a":1}"#, r#"{"a":1}"#),
            (r#"{"a":1 , "b":2}"#, r#"{"n":1,"a":1 , "b":2}"#, r#"{"a":1 , "b":2}"#),
            (r#"{"\ud800":1,"_trace":0}"#, r#"{"n":1,"\ud800":1}"#, r#"{"\ud800":1}"#),
        ];
        for (text, added, removed) in cases {
            assert_eq!(rewrite(text, r#""n":1"#).unwrap(), added, "{text}");
            assert_eq!(rewrite(text, "").unwrap(), removed, "{text}");
        }
    }

    #[test]
    fn deep_nesting_neither_panics_nor_overflows() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
        if let Some(object) = Object::parse(&deep) {
            assert_eq!(object.rewrite("", &["_trace"]), deep);
        }
    }
}
