//! What the scanner says equals what a full parse says.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::limits;
use oracle::Parsed;

mod hostile;
mod inputs;
mod oracle;

pub(super) use hostile::look;

proptest! {
    #[test]
    fn a_valid_object_has_the_members_that_a_full_parse_finds(
        text in inputs::object(),
        keys in select(&inputs::KEY_SETS[..]),
    ) {
        let parsed = Parsed::parse(&text).unwrap();
        let expected: Vec<_> = parsed
            .found(keys)
            .into_iter()
            .map(|(at, key)| (key, parsed.offset(parsed.members[at].value), parsed.members[at].value))
            .collect();
        prop_assert_eq!(found(&text, keys), expected);
    }

    #[test]
    fn rewriting_changes_what_a_naive_rewriting_does(
        (text, keys, gone) in object_and_gone(),
        first in select(vec!["", "\"n\":1", "\"_trace\":{},\"_sentry\":{}"]),
    ) {
        let parsed = Parsed::parse(&text).unwrap();
        let at: Vec<_> = gone.iter().map(|gone| parsed.found(keys)[*gone].0).collect();
        let object = Object::open(&text).unwrap();
        let members = object.members(&Keys::new(keys.iter().copied()), |_| true);
        let members: Vec<_> = gone.iter().map(|gone| members[*gone]).collect();
        let rewritten = object.rewrite(first, &members);
        prop_assert_eq!(&rewritten, &parsed.rewrite(first, &at));
        prop_assert_eq!(rewritten.capacity(), rewritten.len());
    }

    #[test]
    fn what_is_no_json_does_not_become_json_and_keeps_its_bytes(
        text in inputs::broken_object(),
        keys in select(&inputs::KEY_SETS[..]),
        first in select(vec!["", "\"n\":1"]),
    ) {
        let Some(object) = Object::open(&text) else {
            prop_assert!(Parsed::parse(&text).is_none());
            return Ok(());
        };
        let members = object.members(&Keys::new(keys.iter().copied()), |_| true);
        for pair in members.windows(2) {
            prop_assert!(pair[0].to <= pair[1].from);
        }
        for member in &members {
            prop_assert!(text[member.from..member.to].ends_with(member.value));
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(member.value).is_ok());
        }
        let rewritten = object.rewrite(first, &members);
        prop_assert_eq!(Parsed::parse(&rewritten).is_some(), Parsed::parse(&text).is_some());
        // What is kept stands in the new text, in its order.
        let (before, mut rest) = rewritten.split_at(object.open);
        prop_assert_eq!(before, &text[..object.open]);
        let mut from = object.open;
        for (to, next) in members.iter().map(|gone| (gone.from, gone.to)).chain([(text.len(), 0)]) {
            let kept = text[from..to].trim_start_matches(WHITE_SPACE);
            let kept = kept.strip_prefix(',').unwrap_or(kept);
            let found = rest.split_once(kept);
            prop_assert!(found.is_some(), "{:?} is not in {:?}", kept, rest);
            (rest, from) = (found.unwrap().1, next);
        }
        prop_assert_eq!(rest, "");
    }
}

/// An object, keys, and some of the members with those keys, by their indices.
fn object_and_gone() -> impl Strategy<Value = (String, &'static [&'static str], Vec<usize>)> {
    let pair = (inputs::object(), select(&inputs::KEY_SETS[..]));
    pair.prop_flat_map(|(text, keys)| {
        let count = Parsed::parse(&text).map_or(0, |parsed| parsed.found(keys).len());
        let all: Vec<_> = (0..count).collect();
        (Just(text), Just(keys), subsequence(all, 0..=count))
    })
}

/// Key, place and text of each value.
fn found<'a>(text: &'a str, keys: &[&str]) -> Vec<(usize, usize, &'a str)> {
    let keys = Keys::new(keys.iter().copied());
    let members =
        Object::open(text).map(|object| object.members(&keys, |_| true)).unwrap_or_default();
    let place = |member: Member<'a>| (member.key, member.to - member.value.len(), member.value);
    members.into_iter().map(place).collect()
}

fn values(text: &str) -> Vec<&str> {
    found(text, &["_trace"]).into_iter().map(|(_, _, value)| value).collect()
}

#[test]
fn a_member_is_found_wherever_it_stands_and_only_there() {
    for text in [
        r#"{"_trace":1}"#,
        r#"{"_trace":1,"a":2}"#,
        "\u{feff} {\n\"a\" : {\"_trace\":0} ,\t\"_trace\" : 1 } ",
        r#"{"a":"\"_trace\":0","_trace":1}"#,
        r#"{"a":"\\","_trace":1}"#,
        r#"{"\u005ftrace":1}"#,
        r#"{"a":2,"_tr\u0061ce":1}"#,
    ] {
        assert_eq!(values(text), ["1"], "{text}");
    }
    for text in [
        r#"{"a":"_trace"}"#,
        r#"{"a":{"_trace":1}}"#,
        r#"{"a":[{"_trace":1}],"b":"}"}"#,
        r#"{"_trace ":1}"#,
        r#"{"a":"\\\"_trace\":1"}"#,
        r#"{"_trace\u0000":1}"#,
        r#"{"\\u005ftrace":1}"#,
        "{}",
    ] {
        assert_eq!(values(text), [""; 0], "{text}");
    }
}

#[test]
fn the_last_of_several_members_comes_last() {
    assert_eq!(values(r#"{"_trace":0,"_trace":1}"#), ["0", "1"]);
    assert_eq!(values(r#"{"a":1,"_trace":0,"b":2,"_trace":1}"#), ["0", "1"]);
    assert_eq!(values(r#"{"_trace":0,"a":1,"_trace":1}"#), ["0", "1"]);
}

#[test]
fn behind_a_context_at_the_start_only_the_end_is_searched() {
    let text = |before: usize, after: usize| {
        let filler = |n| "x".repeat(n);
        format!(r#"{{"_trace":0,"a":"{}","_trace":1,"b":"{}"}} "#, filler(before), filler(after))
    };
    let behind = r#""_trace":1,"b":"""#.len();
    let late = limits::LATE_DUPLICATE_BYTES - behind;
    assert_eq!(values(&text(2_000, late)), ["0", "1"]);
    assert_eq!(values(&text(2_000, late + 1)), ["0"]);
    let second = text(2_000, 2_000).replacen("\"_trace\"", "\"c\"", 1);
    assert_eq!(values(&second), ["1"], "without one at the start, all is searched");
}

#[test]
fn what_is_not_framed_like_an_object_is_none() {
    for text in ["", "null", "[{}]", "1", "\"{}\"", "{", "}", "{}{", "{\"a\":1", "x{}", "{}x"] {
        assert!(Object::open(text).is_none(), "{text}");
    }
    for text in ["\u{feff}\u{feff}{}", "\u{a0}{}", "{}\0", "{}\u{feff}"] {
        assert!(Object::open(text).is_none(), "{text:?}");
    }
}

#[test]
fn a_member_that_would_hide_broken_json_is_not_found() {
    for text in [
        r#"{"_trace":nonsense,"a":1}"#,
        r#"{"_trace":[},"a":1}"#,
        r#"{"_trace":"\x","a":1}"#,
        r#"{"_trace":01,"a":1}"#,
        r#"{"_trace":0 1,"a":1}"#,
        r#"{"_trace":0,}"#,
        r#"{"a":1,"_trace":0,}"#,
        r#"{,"_trace":0}"#,
        r#"{"a":1,,"_trace":0}"#,
        r#"{"a":,"_trace":0}"#,
        r#"{"a":1 "_trace":0}"#,
        r#"{"a":1,"_trace":0 "b":1}"#,
        r#"{"_trace":0,1}"#,
        r#"{"_trace":0}}"#,
        r#"{"_trace":0,"_trace":}"#,
    ] {
        assert_eq!(values(text), [""; 0], "{text}");
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
    let keys = Keys::new(["_trace"]);
    for (text, added, removed) in cases {
        let object = Object::open(text).unwrap();
        let gone = object.members(&keys, |_| true);
        assert_eq!(object.rewrite(r#""n":1"#, &gone), added, "{text}");
        assert_eq!(object.rewrite("", &gone), removed, "{text}");
    }
}

#[test]
fn deep_nesting_neither_panics_nor_overflows() {
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    let whole = format!("{{\"a\":{deep},\"_trace\":{deep},\"b\":{deep}}}");
    let object = Object::open(&whole).unwrap();
    let gone = object.members(&Keys::new(["_trace"]), |_| true);
    assert_eq!(object.rewrite("", &gone), format!("{{\"a\":{deep},\"b\":{deep}}}"));
}
