//! What holds for every text that goes through an [`Envelope`].

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::IgnoredAny;
use serde_json::Value;
use throughline::context::{Decision, TraceContext, TraceParent};
use throughline::limits;
use throughline::propagation::Propagator;
use throughline::websocket::{Envelope, Placement};

use super::inputs::{entry, list, member, parent};
use super::{PARENT, bounded};

proptest! {
    #[test]
    fn no_text_panics_and_what_is_no_object_is_left_alone(text in any_text(), context in context()) {
        prop_assume!(is_searched_whole(&text));
        let envelope = envelope();
        let found = envelope.extract(&text);
        prop_assert!(found.refused.len() <= limits::REFUSALS);
        bounded(&found.context)?;
        let stripped = envelope.strip(&text);
        let replaced = envelope.replace(&text, &context);
        let injected = envelope.inject(&text, &context);
        let decoded = envelope.decode::<IgnoredAny>(&text);
        // A byte order mark is an envelope's to skip, but no reader of JSON does.
        let valid = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        prop_assert_eq!(decoded.is_ok(), valid);
        if is_object(&text) {
            let read = envelope.extract(&replaced).context;
            prop_assert_eq!(read.parent(), context.parent());
            prop_assert!(is_object(&injected));
            prop_assert!(is_object(&stripped));
            let nothing = envelope.extract(&stripped);
            prop_assert!(nothing.context.is_empty() && nothing.refused.is_empty());
        } else if !looks_like_an_object(&text) {
            prop_assert!(found.context.is_empty() && found.refused.is_empty());
            for same in [&stripped, &replaced, &injected] {
                prop_assert!(matches!(same, Cow::Borrowed(_)));
                prop_assert_eq!(same.as_ref(), &text);
            }
        } else {
            // What is no JSON does not become any, and keeps its bytes behind what is added.
            for same in [&stripped, &replaced, &injected] {
                prop_assert!(!is_object(same));
            }
            let (before, after) = text.split_once('{').unwrap();
            prop_assert!(injected.starts_with(before) && injected.ends_with(after));
            return Ok(());
        }
        prop_assert_eq!(envelope.strip(&stripped), stripped.as_ref());
        prop_assert_eq!(envelope.strip(&replaced), stripped.as_ref());
    }

    #[test]
    fn what_is_injected_is_read_back_and_stripped_again(text in object(0), context in context()) {
        let (text, members) = (text.text(), text.members.len());
        let envelope = envelope();
        prop_assert_eq!(envelope.strip(&text), text.as_str());
        prop_assert_eq!(envelope.inject(&text, &TraceContext::new()), text.as_str());

        let injected = envelope.inject(&text, &context);
        let found = envelope.extract(&injected);
        prop_assert_eq!(found.refused, []);
        prop_assert_eq!(found.context.parent(), context.parent());
        prop_assert_eq!(found.context.trace_state(), context.trace_state());
        // A dynamic sampling context without sample_rand gets one (rule SE-7).
        let without_rand = |context: &TraceContext| {
            let mut baggage = context.baggage().clone();
            baggage.retain(|member| member.key() != "sentry-sample_rand");
            baggage
        };
        prop_assert_eq!(without_rand(&found.context), without_rand(&context));
        prop_assert_eq!(envelope.strip(&injected), text.as_str());
        // Injecting never overwrites (rule MS-1).
        prop_assert_eq!(envelope.inject(&injected, &TraceContext::from(other())), injected.as_ref());
        prop_assert_eq!(envelope.replace(&text, &context), injected.as_ref());

        // The rest of the text follows the context as it is, byte for byte.
        let (before, after) = text.split_once('{').unwrap();
        let comma = if members == 0 { "" } else { "," };
        let expected = format!("{before}{{{}{comma}{after}", in_braces(&envelope, &context));
        prop_assert_eq!(injected.as_ref(), &expected);
    }

    #[test]
    fn ms_7_replacing_changes_nothing_but_the_context(text in object(4), context in context()) {
        let envelope = envelope();
        let whole = text.text();
        prop_assume!(is_searched_whole(&whole));
        let kept: Vec<_> = text.members.iter().filter(|m| !m.is_context).map(|m| &*m.text).collect();
        let new = in_braces(&envelope, &context);
        for (result, first) in
            [(envelope.replace(&whole, &context), Some(&*new)), (envelope.strip(&whole), None)]
        {
            let expected: Vec<_> = first.into_iter().chain(kept.iter().copied()).collect();
            prop_assert_eq!(compact(&result), compact(&text.around(&expected.join(","))));
            // White space counts too, between members that stay side by side.
            let mut rest = result.as_ref();
            for run in text.members.chunk_by(|a, b| a.is_context == b.is_context) {
                if run[0].is_context {
                    continue;
                }
                let run = run.iter().map(|member| &*member.text).collect::<Vec<_>>().join(",");
                let found = rest.split_once(run.trim());
                prop_assert!(found.is_some(), "{:?} is not in {:?}", run.trim(), rest);
                rest = found.map_or("", |(_, behind)| behind);
            }
            if let Some(rest) = without_context(&whole) {
                prop_assert_eq!(without_context(&result), Some(rest));
            }
        }
        let replaced = envelope.replace(&whole, &context);
        let read = envelope.extract(&replaced).context;
        prop_assert_eq!(read.parent(), context.parent());
        if whole != replaced {
            prop_assert!(!matches!(replaced, Cow::Borrowed(_)));
        }
    }

    #[test]
    fn decoding_sees_every_member_but_the_context(text in object(2)) {
        // Without the mark, which no reader of JSON skips.
        let text = text.text();
        let text = text.trim_start_matches('\u{feff}');
        match (without_context(text), envelope().decode::<Value>(text)) {
            (Some(expected), Ok((value, _))) => prop_assert_eq!(value, expected),
            // What serde_json cannot read may have stood in the context, which is not looked at.
            (None, _) => {}
            (Some(_), Err(error)) => prop_assert!(false, "{} is lost: {error}", text),
        }
    }

    #[test]
    fn a_written_context_is_never_longer_than_what_is_read(
        context in context(),
        limit in 0..2000_usize,
    ) {
        let envelope = envelope().max_context_bytes(limit);
        let text = envelope.replace("{}", &context);
        let found = envelope.extract(&text);
        prop_assert_eq!(&found.refused, &[]);
        if text != "{}" {
            prop_assert_eq!(found.context.parent(), context.parent());
        }
    }

    #[test]
    fn se_3_a_deferred_decision_survives_where_only_sentry_is_written(parent in parent()) {
        let envelope = Envelope::json().write([Placement::Sentry]);
        let text = envelope.replace("{}", &parent.into());
        let found = envelope.extract(&text).context;
        prop_assert_eq!(found.parent(), Some(&parent.with_random(false)));
    }
}

#[test]
fn deep_nesting_is_no_danger() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let context = TraceContext::from(other());
        for text in [
            format!("{{\"a\":{deep}}}"),
            format!("{{\"_trace\":{deep}}}"),
            format!("{{\"_trace\":{{\"traceparent\":{deep}}}}}"),
        ] {
            let envelope = envelope().max_context_bytes(usize::MAX);
            assert!(envelope.extract(&text).context.is_empty());
            let replaced = envelope.replace(&text, &context);
            assert_eq!(envelope.extract(&replaced).context.parent(), context.parent());
            // serde_json's own limit may make this an error, but never an overflow.
            let _ = envelope.decode::<Value>(&text);
        }
        assert_eq!(envelope().strip(&deep), deep);
        let unclosed = open.repeat(100_000);
        assert_eq!(envelope().strip(&unclosed), unclosed);
    }
}

#[test]
fn many_members_are_rewritten_in_order() {
    let members: Vec<_> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let text = format!("{{{}}}", members.join(","));
    let many = format!("{{{}}}", members.join(",\"_trace\":0,"));
    assert_eq!(envelope().strip(&many), text);
}

#[test]
fn odd_texts_keep_every_byte() {
    let context = TraceContext::from(other());
    for text in [
        r#"{}"#,
        " {\r\n\t} ",
        "\u{feff}{}",
        "\u{feff} {\"a\":1} ",
        r#"{"a":1 , "b":2}"#,
        r#"{"a":1e999,"b":-0,"c":0.1E+5,"d":123456789012345678901234567890}"#,
        r#"{"\ud800":1,"b":"\udc00\ud800"}"#,
        r#"{"a":1,"a":2,"":3,"a":1}"#,
        "{\"a\":\"\u{2028}\u{10ffff}\u{7f}\"}",
        r#"{"_trace ":1,"_Trace":2,"\\u005ftrace":3,"a":{"_trace":4},"b":"_sentry\":0"}"#,
        r#"{"\u005f\u0074race\u0000":1}"#,
    ] {
        let injected = envelope().inject(text, &context);
        assert_ne!(injected, text);
        assert_eq!(envelope().extract(&injected).context.parent(), context.parent(), "{text}");
        assert_eq!(envelope().strip(&injected), text);
    }
    // Nobody finds out what is wrong with these without reading all of a text. They are as wrong with a
    // context, and come out again as they went in.
    for text in [
        "{\"a\n\":1}",
        "{\"a\":\"\t\"}",
        r#"{"a":01}"#,
        r#"{"a":+1}"#,
        r#"{"a":.1}"#,
        r#"{"\x61":1}"#,
        r#"{"a" 1}"#,
        r#"{"a":1}}"#,
    ] {
        let injected = envelope().inject(text, &context);
        assert!(!is_object(&injected), "{injected}");
        assert_eq!(envelope().strip(&injected), text);
        assert_eq!(envelope().strip(text), text);
    }
    for text in [
        r#"{"a":NaN}"#,
        r#"{'a':1}"#,
        r#"{a:1}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        "{}{}",
        "\u{feff}\u{feff}{}",
        "\u{a0}{}",
        "{}\0",
        "{\"a\":1}\u{feff}",
    ] {
        assert_eq!(envelope().inject(text, &context), text);
        assert_eq!(envelope().strip(text), text);
    }
}

/// An envelope that loses nothing of a context.
fn envelope() -> Envelope {
    Envelope::json().propagation(Propagator::default().forward_baggage(true))
}

fn other() -> TraceParent {
    PARENT.parse().unwrap()
}

/// What the envelope writes for a context, without the object around it.
fn in_braces(envelope: &Envelope, context: &TraceContext) -> String {
    let text = envelope.inject("{}", context).into_owned();
    text.trim_start_matches('{').strip_suffix('}').unwrap().to_owned()
}

/// Whether the text is one valid JSON object, a byte order mark before it allowed.
fn is_object(text: &str) -> bool {
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    json.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{')
        && serde_json::from_str::<IgnoredAny>(json).is_ok()
}

/// Whether no second context can hide behind one that comes first.
fn is_searched_whole(text: &str) -> bool {
    text.len() <= limits::LATE_DUPLICATE_BYTES
        || ["\"_", "\"\\u"].iter().all(|key| !text[..text.find(':').unwrap_or(0)].contains(key))
}

/// Whether the text is taken for an object: that it is one, nobody can say without reading all of it.
fn looks_like_an_object(text: &str) -> bool {
    let space = [' ', '\t', '\r', '\n'];
    let json = text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches(space);
    let inside = json.strip_prefix('{').and_then(|json| json.strip_suffix('}'));
    inside.map(|inside| inside.trim_matches(space)).is_some_and(|inside| {
        inside.is_empty() || (inside.starts_with('"') && inside.ends_with(ENDS_OF_VALUES))
    })
}

const ENDS_OF_VALUES: fn(char) -> bool =
    |c| matches!(c, '"' | '}' | ']' | 'e' | 'l') || c.is_ascii_digit();

/// The text as a value without the context's keys; `None` if serde_json cannot hold it.
fn without_context(text: &str) -> Option<Value> {
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut value: Value = serde_json::from_str(json).ok()?;
    let object = value.as_object_mut()?;
    object.remove("_trace");
    object.remove("_sentry");
    Some(value)
}

/// The text without the white space outside of its strings.
fn compact(text: &str) -> String {
    let mut out = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string || !" \t\r\n".contains(c) {
            out.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
    }
    out
}

// Inputs

/// A JSON object as text, so that numbers, escapes and white space stay what they are.
#[derive(Clone, Debug)]
struct ObjectText {
    before: String,
    members: Vec<MemberText>,
    /// White space inside an object without members.
    inside: String,
    after: String,
}

#[derive(Clone, Debug)]
struct MemberText {
    text: String,
    is_context: bool,
}

impl ObjectText {
    fn text(&self) -> String {
        let members: Vec<_> = self.members.iter().map(|member| &*member.text).collect();
        let inside = if members.is_empty() { &self.inside } else { "" };
        self.around(&format!("{}{inside}", members.join(",")))
    }

    fn around(&self, members: &str) -> String {
        format!("{}{{{members}}}{}", self.before, self.after)
    }
}

/// Objects with up to that many contexts of all kinds, good and bad, anywhere among the members.
fn object(contexts: usize) -> impl Strategy<Value = ObjectText> {
    let plain = (key(), value()).prop_map(|(key, value)| (key, value, false));
    let found = (context_key(), prop_oneof![value(), context_value()])
        .prop_map(|(key, value)| (key, value, true));
    let member = |pair: BoxedStrategy<(String, String, bool)>| {
        (space(), pair, space(), space(), space()).prop_map(
            |(a, (key, value, is_context), b, c, d)| MemberText {
                text: format!("{a}{key}{b}:{c}{value}{d}"),
                is_context,
            },
        )
    };
    let plain = vec(member(plain.boxed()), 0..6);
    let found = vec((member(found.boxed()), any::<Index>()), 0..=contexts);
    let mark = select(vec!["", "", "", "\u{feff}"]);
    (mark, space(), plain, found, space(), space()).prop_map(
        |(mark, before, mut members, found, inside, after)| {
            for (context, at) in found {
                members.insert(at.index(members.len() + 1), context);
            }
            let before = format!("{mark}{before}");
            ObjectText { before, members, inside: inside.into(), after: after.into() }
        },
    )
}

/// Any text: noise, what looks like JSON, and objects with a few characters changed.
fn any_text() -> impl Strategy<Value = String> {
    let edits = vec(
        (
            any::<Index>(),
            select("{}[]\",:\\_tu0 \n\u{feff}\u{e9}\0".chars().collect::<Vec<_>>()),
            0..2,
        ),
        0..4,
    );
    let edited = (object(3), edits).prop_map(|(object, edits)| {
        let mut chars: Vec<char> = object.text().chars().collect();
        for (at, c, what) in edits {
            let at = at.index(chars.len() + 1);
            if what == 0 {
                chars.insert(at, c);
            } else if at < chars.len() {
                chars.remove(at);
            }
        }
        chars.into_iter().collect()
    });
    prop_oneof![
        6 => edited,
        1 => any::<String>(),
        1 => "[{}\\[\\]\",:\\\\a_trceu0-9 \n]{0,60}",
        1 => "\\{(\"(_trace|_sentry|\\\\u005ftrace|a)\" ?: ?(1|\\{\\}|null|\"\"),?){0,4}\\}",
    ]
}

fn space() -> impl Strategy<Value = &'static str> + Clone {
    select(vec!["", "", "", "", " ", "\n\t", "\r\n  "])
}

fn context_key() -> impl Strategy<Value = String> {
    let keys = [
        r#""_trace""#,
        r#""_sentry""#,
        r#""\u005ftrace""#,
        r#""_tr\u0061ce""#,
        r#""\u005F\u0073entry""#,
    ];
    select(keys.map(str::to_owned).to_vec())
}

fn context_value() -> impl Strategy<Value = String> {
    let name = select(vec!["traceparent", "tracestate", "sentry-trace", "baggage", "trace", "x"]);
    let text = prop_oneof![
        Just(format!("\"{PARENT}\"")),
        Just(format!("\"{}\"", PARENT[3..].replace("-01", "-1"))),
        Just("\"a=1,sentry-release=2\"".to_owned()),
        value(),
    ];
    let field =
        (space(), name, text).prop_map(|(space, name, text)| format!("{space}\"{name}\":{text}"));
    vec(field, 0..5).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// A key with its quotation marks that is none of the context's.
fn key() -> impl Strategy<Value = String> {
    let near =
        [r#""""#, r#""_trace ""#, r#""_Trace""#, r#""_sentr""#, r#""\\u005ftrace""#, r#""trace""#];
    let ours = |key: &String| matches!(serde_json::from_str(key), Ok::<String, _>(key) if key == "_trace" || key == "_sentry");
    prop_oneof![3 => string(), 1 => select(near.map(str::to_owned).to_vec())]
        .prop_filter("a context's key", move |key| !ours(key))
}

/// A string as it stands in JSON.
fn string() -> impl Strategy<Value = String> + Clone {
    let piece = prop_oneof![
        20 => select(vec!["a", "b", " ", "{", "}", "[", "]", ",", ":", "_trace", "\u{e9}", "\u{1d11e}",
            "\u{2028}", r"\n", r"\u0000", r"\ud834\udd1e", "\\\"", r"\\", r"\/", r"\u005f"]),
        1 => select(vec![r"\ud800", r"\udc00"]),
    ];
    vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn value() -> impl Strategy<Value = String> + Clone {
    let numbers = ["0", "-0", "1.0", "1e5", "0.1E+05", "123456789012345678901234567890", "1e-999"];
    let leaf = prop_oneof![
        4 => select([&numbers[..], &["true", "false", "null", "[]", "{ }"]].concat()).prop_map(str::to_owned),
        4 => string(),
        // serde_json refuses it where somebody wants its value.
        1 => Just("1e999".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let item = (space(), inner, space()).prop_map(|(a, item, b)| format!("{a}{item}{b}"));
        let member = (string(), item.clone()).prop_map(|(key, item)| format!("{key}:{item}"));
        prop_oneof![
            vec(item, 1..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 1..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// A context that every placement can hold: its decision is made, its members describe its trace.
fn context() -> impl Strategy<Value = TraceContext> {
    let members = list(member(), 20);
    (parent(), list(entry(), 32), members).prop_map(|(parent, state, members)| {
        let decision = Decision::from(parent.sampled() == Some(true));
        let mut context = TraceContext::from(parent.child(parent.parent_id(), decision));
        *context.trace_state_mut() = state.parse().unwrap();
        *context.baggage_mut() = members.replace("trace_id", "release").parse().unwrap();
        context
    })
}
