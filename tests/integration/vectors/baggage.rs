//! `baggage`: what is read and sent on, what is encoded, and how much passes.

use serde_json::Value;
use throughline::context::{Baggage, Member};
use throughline::propagation::{Field, Propagator};

use super::case::{Fields, extract, lines, names_rule, same, sent, value};
use super::format::{BaggageCase, DecodedMember, EncodeCase, LimitCase, Text, shape};

pub(super) fn baggage(case: &Value) -> Result<(), String> {
    let case: BaggageCase = shape(case)?;
    let propagator = Propagator::default().forward_baggage(true);
    let found = extract(&propagator, &lines("baggage", &case.headers))?;
    let decoded: Vec<_> = found.context.baggage().iter().map(decoded).collect();
    same("decoded", &decoded, &case.decoded)?;
    let out = sent(&propagator, &found.context)?;
    let expected: Fields =
        case.out.iter().map(|Text(out)| ("baggage".into(), out.clone())).collect();
    same("out", &out, &expected)?;
    // A second hop has nothing left to change.
    let again = extract(&propagator, &out)?;
    same("out again", &sent(&propagator, &again.context)?, &out)?;
    same("refused again", &again.refused.len(), &0)?;
    if case.rule == "BG-9" {
        names_rule(&found, Field::Baggage, &case.rule)?;
    }
    same("not sent on by default", &sent(&Propagator::default(), &found.context)?.len(), &0)
}

fn decoded(member: Member<'_>) -> DecodedMember {
    let properties = member.properties().map(|(key, value)| (key.into(), value.map(Into::into)));
    (member.key().into(), Text(member.value().into_owned()), properties.collect())
}

pub(super) fn baggage_encode(case: &Value) -> Result<(), String> {
    let case: EncodeCase = shape(case)?;
    let mut baggage = Baggage::default();
    let (last, before) = case.members.split_last().ok_or("there is no member")?;
    for (Text(key), Text(value)) in before {
        baggage.push(key, value).map_err(|error| format!("{key:?}: {error}"))?;
    }
    // The error has no other way to name its rule than its text.
    match (baggage.push(&last.0.0, &last.1.0), &case.refused) {
        (Err(error), Some(rule)) if error.to_string().contains(rule.as_str()) => {}
        (Ok(()), None) => {}
        (result, refused) => return Err(format!("{result:?}, expected {refused:?}")),
    }
    same("out", &baggage.as_str(), &case.out.0.as_str())?;
    let taken = if case.refused.is_some() { before } else { &case.members };
    let read: Baggage = case.out.0.parse().map_err(|error| format!("out: {error}"))?;
    let read = read.iter().map(|member| (Text(member.key().into()), Text(member.value().into())));
    same("out is read back", &read.collect::<Vec<_>>().as_slice(), &taken)
}

pub(super) fn baggage_limits(case: &Value) -> Result<(), String> {
    let case: LimitCase = shape(case)?;
    let members = case.generate.members()?;
    let propagator = Propagator::default().forward_baggage(true);
    let found = extract(&propagator, &lines("baggage", &case.generate.lines(&members)?))?;
    let baggage = found.context.baggage();
    same("members", &baggage.len(), &case.expect_members)?;
    let kept = members.iter().take(case.expect_members).map(String::as_str);
    same(
        "kept",
        &baggage.iter().map(|member| member.as_str()).collect(),
        &kept.clone().collect::<Vec<_>>(),
    )?;
    let sent = sent(&propagator, &found.context)?;
    let out = value(&sent, "baggage").ok_or("nothing is sent")?;
    same("out is within the limit", &(out.len() <= 8192), &true)?;
    let out = out.split(',').map(|member| member.trim_matches([' ', '\t']));
    same("out", &out.filter(|member| !member.is_empty()).collect::<Vec<_>>(), &kept.collect())?;
    if members.len() == case.expect_members {
        return same("refused", &found.refused.len(), &0);
    }
    names_rule(&found, Field::Baggage, "BG-10")
}
