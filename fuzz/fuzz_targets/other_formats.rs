//! B3, Datadog, X-Ray and grpc-trace-bin: what one of them understands survives a trip through all of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline::propagation::{Field, Format, Propagator};

const FORMATS: [Format; 5] =
    [Format::B3, Format::B3Multi, Format::Datadog, Format::XRay, Format::GrpcTraceBin];

fuzz_target!(|values: Vec<(u8, String)>| {
    let carrier: Vec<_> = values
        .iter()
        .map(|(field, value)| {
            (Field::ALL[usize::from(*field) % Field::ALL.len()].as_str(), value.as_str())
        })
        .collect();
    for format in FORMATS {
        let propagator = Propagator::default().accept([format]).emit([format]);
        let found = propagator.extract(&carrier);
        let Some(parent) = found.context.parent() else { continue };
        let mut sent: Vec<(String, String)> = Vec::new();
        propagator.inject(&found.context, &mut sent);
        let again = propagator.extract(&sent).context;
        assert_eq!(again.parent(), Some(parent), "{format:?}");
    }
});
