//! What is accepted has at most 32 members, each valid; edits keep it so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline::context::TraceState;

fuzz_target!(|text: &str| {
    let Ok(mut state) = text.parse::<TraceState>() else { return };
    let count = state.iter().count();
    assert!(count <= 32);
    assert_eq!(state.is_empty(), count == 0);
    assert_eq!(state.as_str().parse(), Ok(state.clone()));
    for (key, value) in state.iter() {
        assert!((1..=256).contains(&key.len()) && (1..=256).contains(&value.len()));
        assert_eq!(state.get(key), Some(value));
    }
    state.set("fuzz", "1").unwrap();
    assert_eq!(state.iter().next(), Some(("fuzz", "1")));
    assert!(state.iter().count() <= 32);
    state.shorten(512);
    assert!(state.as_str().len() <= 512);
    assert_eq!(state.as_str().parse(), Ok(state));
});
