//! What is accepted is what a slow reader accepts, and goes out as it came in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline::context::TraceParent;

fuzz_target!(|text: &str| {
    let accepted = text.parse::<TraceParent>().ok();
    assert_eq!(accepted.is_some(), is_valid(text));
    if let Some(parent) = accepted {
        let out = parent.to_string();
        assert_eq!(out.parse(), Ok(parent));
        assert_eq!(out[3..52], text.trim_matches([' ', '\t'])[3..52]);
    }
});

fn is_valid(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t']);
    let fields: Vec<_> = text.split('-').collect();
    let hex = |field: &str, len| {
        field.len() == len && field.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    };
    let [version, trace, span, flags, rest @ ..] = &fields[..] else { return false };
    hex(version, 2)
        && *version != "ff"
        && hex(trace, 32)
        && hex(span, 16)
        && hex(flags, 2)
        && trace.chars().any(|c| c != '0')
        && span.chars().any(|c| c != '0')
        && (*version != "00" || rest.is_empty())
}
