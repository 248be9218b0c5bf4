//! Every format at once, over a header map: no panic, bounded, and stable after one hop.
#![no_main]

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use throughline::propagation::{Field, Format, Propagator, SentryConfig};

fuzz_target!(|fields: Vec<(u8, Vec<u8>)>| {
    let mut received = HeaderMap::new();
    for (field, value) in &fields {
        let field = Field::ALL[usize::from(*field) % Field::ALL.len()];
        if let Ok(value) = HeaderValue::from_bytes(value) {
            received.append(field.header_name(), value);
        }
    }
    for primary in Format::ALL {
        let propagator = Propagator::default()
            .accept(Format::ALL)
            .emit(Format::ALL)
            .primary(primary)
            .forward_baggage(true)
            .sentry(SentryConfig::new().org_id("1").sample_rate(0.5));
        let found = propagator.extract(&received);
        assert!(found.refused.len() <= 16);
        let mut sent = received.clone();
        propagator.inject(&found.context, &mut sent);
        let again = propagator.extract(&sent);
        if let Some(parent) = found.context.parent() {
            let parent_again = again.context.parent().expect("what goes out comes in");
            assert_eq!(parent_again.parent_id(), parent.parent_id());
            assert!(again.link.is_none());
        }
    }
});
