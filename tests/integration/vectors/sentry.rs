//! `sentry-trace`, and what its dynamic sampling context says of organization and sampling.

use std::ops::Range;

use serde_json::Value;
use throughline::context::Baggage;
use throughline::propagation::{Field, Propagator, SentryConfig};

use super::case::{extract, lines, names_rule, same, sent, value};
use super::format::{ExpectedRand, OrgCase, RandCase, SENTRY, SentryCase, shape};

pub(super) fn sentry_trace(case: &Value) -> Result<(), String> {
    let case: SentryCase = shape(case)?;
    let values = case.r#in.into_values();
    let found = extract(&Propagator::default(), &lines("sentry-trace", &values))?;
    let Some(expected) = case.expect else {
        same("the context is empty", &found.context.is_empty(), &true)?;
        return names_rule(&found, Field::SentryTrace, &case.rule);
    };
    let parent = found.context.parent().ok_or("there is no parent")?;
    same("trace_id", &parent.trace_id().to_string(), &expected.trace_id)?;
    same("parent_span_id", &parent.parent_id().to_string(), &expected.parent_span_id)?;
    same("sampled", &parent.sampled(), &expected.sampled)?;
    same("refused", &found.refused.len(), &0)?;
    let sent = sent(&Propagator::default(), &found.context)?;
    same("sentry-trace out", &value(&sent, "sentry-trace"), &Some(values[0].0.trim()))
}

pub(super) fn sentry_org(case: &Value) -> Result<(), String> {
    let case: OrgCase = shape(case)?;
    let mut config = SentryConfig::new().strict_continuation(case.strict);
    if let Some(org) = &case.sdk_org {
        config = config.org_id(org);
    }
    let propagator = Propagator::default().sentry(config);
    let org = case.baggage_org.map(|org| format!(",sentry-org_id={org}")).unwrap_or_default();
    let found = extract(
        &propagator,
        &vec![
            ("sentry-trace".to_owned(), SENTRY.to_owned()),
            ("baggage".to_owned(), format!("user=7,sentry-release=1,sentry-sample_rand=0.5{org}")),
        ],
    )?;
    same("continues", &found.context.parent().is_some(), &case.continues)?;
    if case.continues {
        let expected = 3 + usize::from(!org.is_empty());
        return same("members", &found.context.baggage().len(), &expected);
    }
    same("the context is empty", &found.context.is_empty(), &true)?;
    names_rule(&found, Field::SentryTrace, &case.rule)
}

pub(super) fn sentry_sample_rand(case: &Value) -> Result<(), String> {
    let case: RandCase = shape(case)?;
    let decision = match case.sentry_trace_sampled {
        None => "",
        Some(true) => "-1",
        Some(false) => "-0",
    };
    let mut members = vec![format!("sentry-trace_id={TRACE},sentry-public_key=k")];
    members.extend(case.sample_rate.as_ref().map(|rate| format!("sentry-sample_rate={rate}")));
    members.extend(case.sample_rand.as_ref().map(|rand| format!("sentry-sample_rand={rand}")));
    let trace = format!("{TRACE}-b7ad6b7169203331{decision}");
    let headers =
        vec![("sentry-trace".to_owned(), trace.clone()), ("baggage".to_owned(), members.join(","))];
    let found = extract(&Propagator::default(), &headers)?;
    let sent = sent(&Propagator::default(), &found.context)?;
    same("decision out", &value(&sent, "sentry-trace"), &Some(&trace))?;
    let out = value(&sent, "baggage").ok_or("no baggage is sent")?;
    let out: Baggage = out.parse().map_err(|e| format!("{e}"))?;
    let rand = out.sentry().get("sample_rand");
    match case.expect_range {
        ExpectedRand::Between(low, high) => in_range(rand.as_deref(), low..high),
        ExpectedRand::Words(words) if words == "regenerated" => in_range(rand.as_deref(), 0.0..1.0),
        ExpectedRand::Words(words) if words.ends_with("kept verbatim") => {
            same("sample_rand", &rand.as_deref(), &case.sample_rand.as_deref())
        }
        ExpectedRand::Words(words) if words.ends_with("do not emit sample_rand") => {
            same("sample_rand", &rand, &None)
        }
        ExpectedRand::Words(words) => Err(format!("expectation {words:?} is unknown")),
    }
}

/// Six digits behind the point, within the range.
fn in_range(rand: Option<&str>, range: Range<f64>) -> Result<(), String> {
    let rand = rand.ok_or("there is no sample_rand")?;
    let number: f64 = rand.parse().map_err(|_| format!("{rand} is no number"))?;
    same("length", &rand.len(), &"0.123456".len())?;
    same("is in range", &range.contains(&number), &true)
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
