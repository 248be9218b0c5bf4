//! Deserializes what stands behind a context at the start of a text. The context is walked over, since a
//! copy of the text without it costs more as soon as that is longer than some hundred bytes.

use std::cell::OnceCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::websocket::written::Written;

/// Deserializes a text as if its context did not stand there.
pub(super) fn from_str<'t, T>(
    text: &'t str,
    context: &'t Written<'t>,
    bare: &'t OnceCell<String>,
) -> Result<T, serde_json::Error>
where
    T: Deserialize<'t>,
{
    let behind = BehindContext { text, context, bare };
    // A parser is in the payload before it comes to a context that is last.
    match context.is_last() {
        true => serde_json::from_str(behind.bare()),
        false => T::deserialize(behind),
    }
}

struct BehindContext<'t> {
    text: &'t str,
    context: &'t Written<'t>,
    /// The text without its context, for types that want to see all of it.
    bare: &'t OnceCell<String>,
}

impl<'t> BehindContext<'t> {
    fn bare(&self) -> &'t str {
        self.bare.get_or_init(|| self.context.replaced("").unwrap_or_else(|| self.text.to_owned()))
    }

    fn skipping<V>(&self, visitor: V) -> Skipping<V> {
        Skipping { visitor, members: self.context.members() }
    }
}

/// Deserializes from a text, and expects nothing behind.
macro_rules! whole {
    ($text:expr, $method:ident($($argument:expr),*)) => {{
        let mut json = serde_json::Deserializer::from_str($text);
        let value = json.$method($($argument),*)?;
        json.end()?;
        Ok(value)
    }};
}

/// What is neither a struct nor a map reads the bare text.
macro_rules! from_bare {
    ($($method:ident($($argument:ident: $type:ty),*);)+) => {
        $(fn $method<V: Visitor<'t>>(self, $($argument: $type,)* visitor: V)
            -> Result<V::Value, serde_json::Error>
        {
            whole!(self.bare(), $method($($argument,)* visitor))
        })+
    };
}

impl<'t> Deserializer<'t> for BehindContext<'t> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        whole!(self.text, deserialize_any(self.skipping(visitor)))
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        whole!(self.text, deserialize_map(self.skipping(visitor)))
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        whole!(self.text, deserialize_struct(name, fields, self.skipping(visitor)))
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        // What serde_json reads as it stands, such as a `RawValue`, comes in this disguise.
        if name.starts_with("$serde_json::private::") {
            return whole!(self.bare(), deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    from_bare! {
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}

/// Does not show a visitor the first members of a map.
struct Skipping<V> {
    visitor: V,
    members: usize,
}

impl<'t, V: Visitor<'t>> Visitor<'t> for Skipping<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<V::Value, A::Error> {
        for _ in 0..self.members {
            map.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        self.visitor.visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::de::DeserializeOwned;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::context::TraceParent;
    use crate::websocket::Envelope;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Struct {
        n: u8,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Option<Struct>);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        inner: BTreeMap<String, Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Outside {
        Struct { n: u8 },
        Newtype(Struct),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "type", deny_unknown_fields)]
    enum Inside {
        Struct { n: u8 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Text(String),
        Struct(Struct),
    }

    /// What comes of a text in which a context stands first, or last, which is what comes of the bare
    /// text.
    fn decoded<T: DeserializeOwned + Debug>(bare: &str) -> Option<T> {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = parent.parse::<TraceParent>().unwrap().into();
        let first = Envelope::json().prepend(bare, &context).into_owned();
        let member = format!(r#","_trace":{{"traceparent":"{parent}"}}}}"#);
        let last = bare.strip_suffix('}').filter(|members| *members != "{");
        let last = last.map(|members| format!("{members}{member}"));
        let expected = serde_json::from_str::<T>(bare).ok();
        for text in [Some(first), last].into_iter().flatten() {
            assert!(text.contains(parent));
            let decoded = Envelope::json().decode::<T>(&text);
            if let Ok((_, found)) = &decoded {
                assert_eq!(found.context.parent(), parent.parse().ok().as_ref());
            }
            let value = decoded.map(|(value, _)| value).ok();
            assert_eq!(format!("{value:?}"), format!("{expected:?}"), "{text}");
        }
        expected
    }

    #[test]
    fn every_kind_of_type_reads_what_it_would_read_without_the_context() {
        let n = || Struct { n: 1 };
        assert_eq!(decoded(r#"{"n":1}"#), Some(n()));
        assert_eq!(decoded(r#"{"n":1}"#), Some(Wrapped(Some(n()))));
        assert_eq!(decoded(r#"{"n":1}"#), Some(Some(n())));
        assert_eq!(decoded(r#"{"n":1}"#), Some(json!({"n": 1})));
        assert_eq!(decoded(r#"{}"#), Some(json!({})));
        assert_eq!(decoded(r#"{"n":1}"#), Some(BTreeMap::from([("n".to_owned(), 1)])));
        let inner = BTreeMap::from([("n".to_owned(), json!(1))]);
        assert_eq!(decoded(r#"{"n":1}"#), Some(Flat { inner }));
        assert_eq!(decoded(r#"{"Struct":{"n":1}}"#), Some(Outside::Struct { n: 1 }));
        assert_eq!(decoded(r#"{"Newtype":{"n":1}}"#), Some(Outside::Newtype(n())));
        assert_eq!(decoded(r#"{"type":"Struct","n":1}"#), Some(Inside::Struct { n: 1 }));
        assert_eq!(decoded(r#"{"n":1}"#), Some(Untagged::Struct(n())));
        let raw: Box<RawValue> = decoded(r#"{"n": 1}"#).unwrap();
        assert_eq!(raw.get(), r#"{"n": 1}"#);
        decoded::<IgnoredAny>(r#"{"n":1}"#).unwrap();
    }

    #[test]
    fn what_is_something_else_or_no_json_is_an_error() {
        assert_eq!(decoded::<Struct>(r#"{"n":"a"}"#), None);
        assert_eq!(decoded::<Struct>(r#"{"m":1}"#), None);
        assert_eq!(decoded::<Struct>(r#"{"n":1 "m":2}"#), None);
        assert_eq!(decoded::<Struct>(r#"{"n":1}}"#), None);
        assert_eq!(decoded::<Outside>(r#"{"Struct":{"n":1}}}"#), None);
        assert_eq!(decoded::<Vec<u8>>(r#"{"n":1}"#), None);
        assert_eq!(decoded::<(u8, u8)>(r#"{"n":1}"#), None);
        assert_eq!(decoded::<String>(r#"{"n":1}"#), None);
        assert_eq!(decoded::<u8>(r#"{"n":1}"#), None);
        assert_eq!(decoded::<()>(r#"{"n":1}"#), None);
    }
}
