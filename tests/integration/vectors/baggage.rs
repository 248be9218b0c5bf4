//! `baggage`: what is read and sent on, what is encoded, and how much passes.

use serde::Deserialize;
use serde_json::Value;
use throughline::context::{Baggage, Member};
use throughline::propagation::{Field, Propagator};

use super::case::{Fields, Text, extract, lines, names_rule, same, sent, shape, value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaggageCase {
    #[serde(rename = "name")]
    _name: String,
    headers: Vec<Text>,
    decoded: Vec<DecodedMember>,
    #[serde(deserialize_with = "Option::deserialize")]
    out: Option<Text>,
    rule: String,
    #[serde(default, rename = "peers")]
    _peers: Value,
    #[serde(default, rename = "note")]
    _note: Value,
}

/// Key, value, and properties as key and value where there is one.
type DecodedMember = (String, Text, Vec<(String, Option<String>)>);

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodeCase {
    #[serde(rename = "name")]
    _name: String,
    /// Pushed one after the other.
    members: Vec<(Text, Text)>,
    out: Text,
    /// The rule that the last member breaks.
    refused: Option<String>,
    #[serde(rename = "rule")]
    _rule: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitCase {
    #[serde(rename = "name")]
    _name: String,
    generate: Generator,
    expect_members: usize,
    #[serde(rename = "rule")]
    _rule: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    lines: usize,
    members: usize,
    total_bytes: Option<usize>,
    member: String,
    /// Lines without members, all of them between each two lines with members.
    #[serde(default)]
    between: Vec<String>,
}

impl Generator {
    /// The members. With `total_bytes`, they have that many bytes together with the commas that join
    /// them, spread as evenly as it goes.
    fn members(&self) -> Result<Vec<String>, String> {
        let key = |n: usize| format!("k{n:03}=");
        let padding = self.member.strip_prefix("k{i:03}=<padding of ");
        let padding = padding.and_then(|unit| unit.strip_suffix('>'));
        match (padding, self.total_bytes) {
            (None, None) if self.member == "k{i:03}=v" => {
                Ok((0..self.members).map(|n| key(n) + "v").collect())
            }
            (Some(unit), Some(total)) => {
                let bytes = total - (self.members - 1);
                let size = |n: usize| bytes / self.members + usize::from(n < bytes % self.members);
                Ok((0..self.members).map(|n| key(n) + &padded(unit, size(n) - 5)).collect())
            }
            _ => Err(format!("member {:?} is unknown", self.member)),
        }
    }

    fn lines(&self, members: &[String]) -> Result<Vec<Text>, String> {
        let lines = members.chunks(self.members.div_ceil(self.lines)).map(|line| line.join(","));
        let lines: Vec<_> = lines.map(|line| vec![line]).collect();
        same("lines", &lines.len(), &self.lines)?;
        Ok(lines.join(self.between.as_slice()).into_iter().map(Text).collect())
    }
}

/// As often as it fits, and `x` for the bytes that are left.
fn padded(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes / unit.len()) + &"x".repeat(bytes % unit.len())
}

pub(super) fn baggage_limits(case: &Value) -> Result<(), String> {
    let case: LimitCase = shape(case)?;
    let members = case.generate.members()?;
    if let Some(total) = case.generate.total_bytes {
        same("bytes", &members.join(",").len(), &total)?;
    }
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
