//! A service without spans: what comes in, what it makes of it, and what goes out.

use serde::Deserialize;
use serde_json::Value;
use throughline::context::{TraceContext, TraceParent};
use throughline::propagation::{Propagator, Trust};

use super::case::{PARENT, Text, extract, fields, inject, names_rules, same, sent, shape, value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PropagateCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "rule")]
    _rule: String,
    r#in: Vec<(String, Text)>,
    #[serde(default)]
    options: Propagator,
    trust: Option<String>,
    /// Whether what comes in is the first span of a trace that begins in this service.
    #[serde(default)]
    begins: bool,
    /// What the outgoing request holds before.
    #[serde(default)]
    carrier: Vec<(String, Text)>,
    out: Vec<(String, Text)>,
    /// Rules of the refusals, in any order.
    #[serde(default)]
    refused: Vec<String>,
    /// Trace id of the link.
    link: Option<String>,
    #[serde(default, rename = "note")]
    _note: Value,
}

pub(super) fn propagate(case: &Value) -> Result<(), String> {
    let case: PropagateCase = shape(case)?;
    let trust = match case.trust.as_deref() {
        None | Some("continue") => Trust::Continue,
        Some("restart") => Trust::Restart,
        Some("ignore") => Trust::Ignore,
        Some(other) => return Err(format!("trust {other:?} is unknown")),
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
