//! How the cases of all sections reach the library, and how what becomes of them is compared.

use std::fmt::Debug;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use throughline::context::TraceContext;
use throughline::propagation::{Extraction, Field, Propagator};

use super::format::{Text, name};

/// Header lines as name and value, in order.
pub(super) type Fields = Vec<(String, String)>;

/// Position, rule and name of a case, or what stands for a name.
pub(super) fn label(n: usize, case: &Value) -> String {
    format!("#{n} [{}] {}", case["rule"].as_str().unwrap_or("no rule"), name(case))
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, is: &T, expected: &T) -> Result<(), String> {
    if is == expected { Ok(()) } else { Err(format!("{what}: {is:?}, expected {expected:?}")) }
}

/// Whether the first refusal of a field names one of the case's rules, which stand as `TP-4/TP-7`.
pub(super) fn names_rule(found: &Extraction, field: Field, rules: &str) -> Result<(), String> {
    let refusal = found.refused.iter().find(|error| error.field() == field);
    let named = refusal.ok_or("nothing is refused")?.rule().id();
    same("the refusal names the rule", &rules.split('/').any(|rule| rule == named), &true)
        .map_err(|error| format!("{error}, but {named}"))
}

/// Whether the refusals break these rules, in any order.
pub(super) fn names_rules(found: &Extraction, rules: &[String]) -> Result<(), String> {
    let mut refused: Vec<_> = found.refused.iter().map(|error| error.rule().id()).collect();
    let mut expected: Vec<_> = rules.iter().map(String::as_str).collect();
    refused.sort_unstable();
    expected.sort_unstable();
    same("refusals", &refused, &expected)
}

/// One name with its lines.
pub(super) fn lines(name: &str, values: &[Text]) -> Fields {
    values.iter().map(|Text(value)| (name.to_owned(), value.clone())).collect()
}

/// Names with the text of their values.
pub(super) fn fields(pairs: &[(String, Text)]) -> Fields {
    pairs.iter().map(|(name, Text(value))| (name.clone(), value.clone())).collect()
}

/// Extracts from a list of pairs, and from a header map if it can hold them: they have to agree.
pub(super) fn extract(propagator: &Propagator, fields: &Fields) -> Result<Extraction, String> {
    let found = propagator.extract(fields);
    if let Some(headers) = header_map(fields) {
        let again = propagator.extract(&headers);
        same("a header map gives the same context", &again.context, &found.context)?;
        same("and the same refusals", &again.refused, &found.refused)?;
        same("and the same link", &again.link, &found.link)?;
    }
    Ok(found)
}

/// What a carrier holds after injecting, in the order of names: the same as pairs and as header map.
pub(super) fn inject(
    propagator: &Propagator,
    context: &TraceContext,
    carrier: &Fields,
) -> Result<Fields, String> {
    let mut sent = carrier.clone();
    propagator.inject(context, &mut sent);
    let mut headers = header_map(carrier).ok_or("the carrier is no set of headers")?;
    propagator.inject(context, &mut headers);
    same("a header map", &Some(headers), &header_map(&sent))?;
    sent.sort_unstable();
    Ok(sent)
}

/// What is sent with one request that has no trace header yet.
pub(super) fn sent(propagator: &Propagator, context: &TraceContext) -> Result<Fields, String> {
    inject(propagator, context, &Fields::new())
}

/// The value of a name that stands there once.
pub(super) fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let mut values = fields.iter().filter(|(known, _)| known == name);
    let value = values.next()?.1.as_str();
    values.next().is_none().then_some(value)
}

/// `None` if a value is none that a header can have, such as one with a line break in it.
fn header_map(fields: &Fields) -> Option<HeaderMap> {
    let header = |(name, value): &(String, String)| {
        let name: HeaderName = name.parse().ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    fields.iter().map(header).collect()
}
