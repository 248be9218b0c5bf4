//! What holds for every input: [`headers`] against oracles, messages in [`envelope`] and through [`relays`], and samplers.

use proptest::prelude::*;
use throughline::context::TraceContext;
use throughline::limits;

mod envelope;
mod headers;
mod inputs;
mod oracles;
mod relays;
#[cfg(feature = "sdk")]
mod sampling;

fn bounded(context: &TraceContext) -> Result<(), TestCaseError> {
    let state = context.trace_state();
    prop_assert!(state.as_str().len() <= limits::TRACESTATE_BYTES);
    prop_assert!(state.iter().count() <= limits::TRACESTATE_MEMBERS);
    let baggage = context.baggage();
    prop_assert!(baggage.as_str().len() <= limits::BAGGAGE_BYTES);
    prop_assert!(baggage.iter().count() <= limits::BAGGAGE_MEMBERS);
    prop_assert_eq!(baggage.iter().count(), baggage.len());
    Ok(())
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
