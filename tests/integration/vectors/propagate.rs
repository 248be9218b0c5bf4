//! A service without spans: what comes in, what it makes of it, and what goes out.

use serde_json::Value;
use throughline::context::{TraceContext, TraceParent};
use throughline::propagation::{Propagator, Trust};

use super::case::{extract, fields, inject, names_rules, same, sent, value};
use super::format::{PARENT, PropagateCase, TrustOf, shape};

pub(super) fn propagate(case: &Value) -> Result<(), String> {
    let case: PropagateCase<Propagator> = shape(case)?;
    let trust = match case.trust {
        TrustOf::Continue => Trust::Continue,
        TrustOf::Restart => Trust::Restart,
        TrustOf::Ignore => Trust::Ignore,
    };
    let found = trust.apply(extract(&case.options, &fields(&case.r#in))?);
    names_rules(&found, &case.refused)?;
    same("link", &found.link.map(|link| link.trace_id().to_string()), &case.link)?;
    let context = match found.context.parent().copied() {
        Some(first) if case.begins => found.context.restart(first),
        _ => found.context,
    };
    let sent = inject(&case.options, &context, &fields(&case.carrier))?;
    let mut out = fields(&case.out);
    out.sort_unstable();
    same("out", &sent, &out)
}

#[test]
fn tp_6_the_switch_takes_the_random_bit_from_traces_that_begin_here_alone() {
    let random = PARENT.parse::<TraceParent>().unwrap().with_random(true);
    let flags = |context: &TraceContext, switch| {
        let fields = sent(&Propagator::default().random_bit(switch), context).unwrap();
        value(&fields, "traceparent").unwrap()[53..].to_owned()
    };
    let begun_here = TraceContext::new().restart(random);
    assert_eq!(flags(&begun_here, true), "03");
    assert_eq!(flags(&begun_here, false), "01");
    assert_eq!(flags(&random.into(), false), "03", "what was received stays");
}
