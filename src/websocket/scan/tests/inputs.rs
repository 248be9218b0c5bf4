//! Texts that look like JSON objects, most of which are.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What is looked for in them: keys as envelopes have them, then keys that are hard to spell.
pub(super) const KEY_SETS: [&[&str]; 6] = [
    &["_trace", "_sentry", "_meta"],
    &["_trace"],
    &["traceparent", "_trace", "event"],
    &["a\"b", "c\\d", "/", "\n\u{1}", "_trace"],
    &["\u{e9}", "\u{1d11e}x", "", "\u{ff5f}", "_trace", "a"],
    &["_trace", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "\u{1d11e}x"],
];

/// Valid objects.
pub(super) fn object() -> impl Strategy<Value = String> {
    let filler = select(vec![0, 0, 0, 1, 60, 200, 450, 500, 510, 520, 600, 5_000]);
    let mark = select(vec!["", "", "", "\u{feff}"]);
    let members = vec((member(), filler), 0..8);
    (mark, space(), members, space(), space()).prop_map(|(mark, before, members, inside, after)| {
        let members: Vec<_> = members
            .into_iter()
            .map(|(member, filler)| match filler {
                0 => member,
                filler => format!("{member},\"filler\":\"{}\"", "\\\\{_trace".repeat(filler / 9)),
            })
            .collect();
        let members = if members.is_empty() { inside.to_owned() } else { members.join(",") };
        format!("{mark}{before}{{{members}}}{after}")
    })
}

/// Objects with a few characters added, removed or doubled, and noise between braces.
pub(super) fn broken_object() -> impl Strategy<Value = String> {
    let signs: Vec<_> = "{}[]\",:\\_tu05f \n\u{feff}\u{e9}\0".chars().collect();
    let edits = vec((any::<Index>(), select(signs), 0..3), 1..4);
    let edited = (object(), edits).prop_map(|(object, edits)| {
        let mut chars: Vec<char> = object.chars().collect();
        for (at, c, what) in edits {
            let at = at.index(chars.len() + 1);
            if what == 0 || at == chars.len() {
                chars.insert(at, c);
            } else if what == 1 {
                chars.remove(at);
            } else {
                chars.insert(at, chars[at]);
            }
        }
        chars.into_iter().collect()
    });
    let piece = select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        " ",
        "0",
        "\"_trace\"",
        "\"_trace\":0",
        "\"a\":1",
        "\"\\u005ftrace\":{}",
        "\"_sentry\" : \"\"",
    ]);
    prop_oneof![
        3 => edited,
        2 => vec(piece, 0..10).prop_map(|pieces| format!("{{{}}}", pieces.concat())),
    ]
}

fn member() -> impl Strategy<Value = String> {
    (space(), key(), space(), space(), value(), space())
        .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"))
}

/// A key as it stands in JSON: any of the key sets in any spelling, or something near them.
fn key() -> impl Strategy<Value = String> {
    let how = prop_oneof![Just(1), any::<u64>()];
    let own = (select(KEY_SETS.concat()), how).prop_map(|(key, how)| spelled(key, how));
    let near = select(vec![
        "\"_trace \"",
        "\"_Trace\"",
        "\"_tra\"",
        "\"_\"",
        "\"\\\\u005ftrace\"",
        "\"\\\"_trace\"",
        "\"\\ud834\"",
        "\"\\ud834\\ud834\"",
        "\"\\udd1ex\"",
        "\"_trace\\u0000\"",
        "\"\\u005f\\u005ftrace\"",
    ]);
    prop_oneof![4 => own, 1 => near.prop_map(str::to_owned), 2 => string()]
}

/// One of the many ways to write a string in JSON, chosen by the bits of `how`.
fn spelled(key: &str, how: u64) -> String {
    let mut out = "\"".to_owned();
    for (at, c) in key.chars().enumerate() {
        let bit = |n: usize| how >> ((4 * at + n) % 64) & 1 == 1;
        let raw = !matches!(c, '"' | '\\' | '\0'..='\u{1f}');
        if raw && (how.is_power_of_two() || bit(0)) {
            out.push(c);
        } else if let Some(escape) = short_escape(c).filter(|_| bit(1)) {
            out.push_str(escape);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let hex = if bit(2) { format!("{unit:04x}") } else { format!("{unit:04X}") };
                out.push_str(&format!("\\u{hex}"));
            }
        }
    }
    out + "\""
}

fn short_escape(c: char) -> Option<&'static str> {
    Some(match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '/' => "\\/",
        '\n' => "\\n",
        _ => return None,
    })
}

fn value() -> impl Strategy<Value = String> + Clone {
    let numbers = ["0", "-0", "1.0", "1e5", "0.1E+05", "123456789012345678901234567890", "1e999"];
    let leaf = prop_oneof![
        4 => select([&numbers[..], &["true", "false", "null", "[]", "{ }"]].concat())
            .prop_map(str::to_owned),
        4 => string(),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let item = (space(), inner, space()).prop_map(|(a, item, b)| format!("{a}{item}{b}"));
        let key = prop_oneof![string(), Just("\"_trace\"".to_owned())];
        let member = (key, item.clone()).prop_map(|(key, item)| format!("{key}:{item}"));
        prop_oneof![
            vec(item, 1..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 1..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn string() -> impl Strategy<Value = String> + Clone {
    let piece = select(vec![
        "a",
        "b",
        " ",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "_trace",
        "\u{e9}",
        "\u{1d11e}",
        "\u{2028}",
        "\\n",
        "\\u0000",
        "\\ud834\\udd1e",
        "\\ud800",
        "\\udc00",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u005f",
        "\\\"_trace\\\":",
        "\\\\\\\"_trace",
    ]);
    vec(piece, 0..5).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn space() -> impl Strategy<Value = &'static str> + Clone {
    select(vec!["", "", "", "", " ", "\n\t", "\r\n  "])
}
