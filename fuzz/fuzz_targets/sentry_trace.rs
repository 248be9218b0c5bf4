//! What is accepted goes out as it came in, decision included.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline::propagation::{Format, Propagator};

fuzz_target!(|text: &str| {
    let sentry = Propagator::default().accept([Format::Sentry]).emit([Format::Sentry]);
    let found = sentry.extract([("sentry-trace", text)].as_slice());
    let mut sent: Vec<(String, String)> = Vec::new();
    sentry.inject(&found.context, &mut sent);
    match found.context.parent() {
        Some(_) => assert_eq!(sent[0].1, text.trim_matches([' ', '\t'])),
        None => assert!(sent.is_empty()),
    }
});
