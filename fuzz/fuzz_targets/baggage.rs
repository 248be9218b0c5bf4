//! Whatever comes in: bounded, every member readable, and byte-identical on the way out.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use throughline::propagation::{Format, Propagator};

fuzz_target!(|lines: Vec<Vec<u8>>| {
    let mut received = HeaderMap::new();
    for line in &lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            received.append("baggage", value);
        }
    }
    let formats = [Format::TraceContext, Format::Baggage];
    let propagator = Propagator::default().accept(formats).emit(formats).forward_baggage(true);
    let found = propagator.extract(&received);
    let baggage = found.context.baggage();
    assert!(baggage.len() <= 64 && found.refused.len() <= 16);
    assert_eq!(baggage.iter().count(), baggage.len());
    for member in baggage.iter() {
        assert!(!member.key().is_empty());
        let _ = (member.value(), member.properties().count());
    }
    let mut sent = HeaderMap::new();
    propagator.inject(&found.context, &mut sent);
    let again = propagator.extract(&sent);
    assert!(again.refused.is_empty());
    let ours = baggage.iter().filter(|member| !member.key().starts_with("sentry-"));
    assert!(again.context.baggage().iter().eq(ours));
});
