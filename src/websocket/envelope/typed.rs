//! Tells from a value itself, instead of from its text, that it brings no context of its own.

use std::cell::Cell;
use std::fmt::Display;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// Serializes a value, and tells whether it is a struct that has none of the known members. Of
/// everything else the text has to be searched.
pub(super) fn to_string<T: Serialize + ?Sized>(
    value: &T,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<(String, bool), serde_json::Error> {
    let watched = Watched { value, watch: &Watch { is_known, seen: Cell::new(Seen::NoStruct) } };
    let text = serde_json::to_string(&watched)?;
    Ok((text, watched.watch.seen.get() == Seen::Struct))
}

struct Watched<'a, T: ?Sized> {
    value: &'a T,
    watch: &'a Watch<'a>,
}

struct Watch<'a> {
    is_known: &'a dyn Fn(&str) -> bool,
    seen: Cell<Seen>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    NoStruct,
    Struct,
    StructWithKnown,
}

impl<T: Serialize + ?Sized> Serialize for Watched<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Watching { inner: serializer, watch: self.watch })
    }
}

/// Passes everything on, and looks at the names of a struct's fields.
struct Watching<'a, S> {
    inner: S,
    watch: &'a Watch<'a>,
}

macro_rules! passed_on {
    ($($method:ident($($argument:ident: $type:ty),*) -> $ok:ty;)+) => {
        $(fn $method(self, $($argument: $type),*) -> Result<$ok, S::Error> {
            self.inner.$method($($argument),*)
        })+
    };
}

impl<'a, S: Serializer> Serializer for Watching<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = S::SerializeSeq;
    type SerializeTuple = S::SerializeTuple;
    type SerializeTupleStruct = S::SerializeTupleStruct;
    type SerializeTupleVariant = S::SerializeTupleVariant;
    type SerializeMap = S::SerializeMap;
    type SerializeStruct = Watching<'a, S::SerializeStruct>;
    type SerializeStructVariant = S::SerializeStructVariant;

    fn serialize_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        let inner = self.inner.serialize_struct(name, len)?;
        // What serde_json writes as it stands, such as a `RawValue`, comes in this disguise.
        if !name.starts_with("$serde_json::private::") {
            self.watch.seen.set(Seen::Struct);
        }
        Ok(Watching { inner, watch: self.watch })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Watched { value, watch: self.watch })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_variant(name, index, variant, value)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }

    passed_on! {
        serialize_bool(value: bool) -> S::Ok;
        serialize_i8(value: i8) -> S::Ok;
        serialize_i16(value: i16) -> S::Ok;
        serialize_i32(value: i32) -> S::Ok;
        serialize_i64(value: i64) -> S::Ok;
        serialize_i128(value: i128) -> S::Ok;
        serialize_u8(value: u8) -> S::Ok;
        serialize_u16(value: u16) -> S::Ok;
        serialize_u32(value: u32) -> S::Ok;
        serialize_u64(value: u64) -> S::Ok;
        serialize_u128(value: u128) -> S::Ok;
        serialize_f32(value: f32) -> S::Ok;
        serialize_f64(value: f64) -> S::Ok;
        serialize_char(value: char) -> S::Ok;
        serialize_str(value: &str) -> S::Ok;
        serialize_bytes(value: &[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(name: &'static str) -> S::Ok;
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> S::Ok;
        serialize_seq(len: Option<usize>) -> S::SerializeSeq;
        serialize_tuple(len: usize) -> S::SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> S::SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> S::SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> S::SerializeMap;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> S::SerializeStructVariant;
    }
}

impl<S: SerializeStruct> SerializeStruct for Watching<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        if (self.watch.is_known)(name) {
            self.watch.seen.set(Seen::StructWithKnown);
        }
        self.inner.serialize_field(name, value)
    }

    fn skip_field(&mut self, name: &'static str) -> Result<(), S::Error> {
        self.inner.skip_field(name)
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        self.inner.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    use super::*;
    use crate::context::{TraceContext, TraceParent};
    use crate::websocket::Envelope;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[derive(serde::Serialize)]
    struct Plain {
        n: u8,
    }

    #[derive(serde::Serialize)]
    struct Empty {}

    #[derive(serde::Serialize)]
    struct WithContext {
        n: u8,
        #[serde(rename = "_sentry")]
        context: u8,
    }

    #[derive(serde::Serialize)]
    struct Flat {
        #[serde(flatten)]
        inner: BTreeMap<String, u8>,
    }

    #[derive(serde::Serialize)]
    struct Wrapped<T>(T);

    #[derive(serde::Serialize)]
    #[serde(tag = "type")]
    enum Tagged {
        Plain(Plain),
        WithContext(WithContext),
        Unit,
    }

    #[derive(serde::Serialize)]
    enum Outside {
        Unit,
        Newtype(Plain),
        Tuple(u8, u8),
        Struct { n: u8 },
    }

    fn context() -> TraceContext {
        PARENT.parse::<TraceParent>().unwrap().into()
    }

    /// Whether the value got a context in front of its own members and is otherwise as it was.
    fn gets_one<T: Serialize>(value: &T) -> bool {
        let plain = serde_json::to_string(value).unwrap();
        let text = Envelope::json().encode_with(value, &context()).unwrap();
        assert_eq!(text, Envelope::json().inject(&plain, &context()));
        text != plain
    }

    #[test]
    fn ms_1_a_value_that_brings_a_context_keeps_it_however_it_is_written() {
        let raw = RawValue::from_string(r#"{"_trace":1}"#.into()).unwrap();
        let map = BTreeMap::from([("_trace".to_owned(), 1)]);
        assert!(!gets_one(&WithContext { n: 1, context: 2 }));
        assert!(!gets_one(&Some(WithContext { n: 1, context: 2 })));
        assert!(!gets_one(&Wrapped(&WithContext { n: 1, context: 2 })));
        assert!(!gets_one(&Tagged::WithContext(WithContext { n: 1, context: 2 })));
        assert!(!gets_one(&raw));
        assert!(!gets_one(&Wrapped(raw)));
        assert!(!gets_one(&map));
        assert!(!gets_one(&Flat { inner: map }));
        assert!(!gets_one(&serde_json::json!({"_trace": null})));
    }

    #[test]
    fn every_other_object_gets_one() {
        let raw = RawValue::from_string(r#"{"a":{"_trace":1}}"#.into()).unwrap();
        assert!(gets_one(&Plain { n: 1 }));
        assert!(gets_one(&Empty {}));
        assert!(gets_one(&Some(Wrapped(Plain { n: 1 }))));
        assert!(gets_one(&Flat { inner: BTreeMap::new() }));
        assert!(gets_one(&Tagged::Plain(Plain { n: 1 })));
        assert!(gets_one(&Tagged::Unit));
        assert!(gets_one(&Outside::Newtype(Plain { n: 1 })));
        assert!(gets_one(&Outside::Tuple(1, 2)));
        assert!(gets_one(&Outside::Struct { n: 1 }));
        assert!(gets_one(&raw));
        assert!(gets_one(&serde_json::json!({"a": {"_trace": 1}})));
    }

    #[test]
    fn what_is_no_object_stays_as_it_is() {
        assert!(!gets_one(&Outside::Unit));
        assert!(!gets_one(&()));
        assert!(!gets_one(&None::<Plain>));
        assert!(!gets_one(&[1, 2]));
        assert!(!gets_one(&(1, "a", 'b', 1.5, true, i128::MAX, u128::MAX)));
        assert!(!gets_one(&"{}"));
        assert!(!gets_one(&vec![Plain { n: 1 }]));
        assert!(!gets_one(&format_args!("{{}}")));
    }
}
