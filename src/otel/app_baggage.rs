//! The application's baggage in OpenTelemetry's form: filled from the list that came in, and read back
//! into the list that goes out.

use std::collections::BTreeMap;

use opentelemetry::Context;
use opentelemetry::baggage::{self, BaggageExt, KeyValueMetadata};

use crate::context::{Baggage, Member};
use crate::limits;

/// A context whose OpenTelemetry baggage is that of the application; Sentry's members stay out of it.
/// Without any, it stays what it was.
pub(super) fn fill(cx: &Context, received: &Baggage) -> Context {
    let mut filled = received.clone();
    filled.retain(|member| !member.is_sentry());
    if filled.is_empty() {
        return cx.clone();
    }
    cx.with_baggage(in_opentelemetry(&filled)).with_value(Filled(filled))
}

/// The list with what has been changed in OpenTelemetry's baggage. Whatever is equal there stays as it
/// came in, byte for byte (rule BG-12).
pub(super) fn with_changes(cx: &Context, list: &Baggage) -> Baggage {
    let said = cx.baggage();
    let filled = cx.get::<Filled>();
    if said.is_empty() && filled.is_none() {
        return list.clone();
    }
    let before = in_opentelemetry(list);
    let is_changed = |key: &str| match (said.get_with_metadata(key), before.get_with_metadata(key))
    {
        // Most ways to build a list have no properties: theirs are not removed by being left out.
        (Some((now, properties)), Some((before, known))) => {
            now != before || !(properties.as_str().is_empty() || properties == known)
        }
        (Some(_), None) => true,
        (None, _) => filled.is_some_and(|Filled(list)| list.get(key).is_some()),
    };
    let stays = |member: &Member<'_>| member.is_sentry() || !is_changed(member.key());
    let changed: BTreeMap<_, _> = said
        .iter()
        .map(|(key, (value, properties))| (key.as_str(), value.as_str(), properties.as_str()))
        .filter(|(key, ..)| is_changed(key))
        .filter_map(|(key, value, properties)| Some((key, written(key, value, properties)?)))
        .collect();
    if changed.is_empty() && list.iter().all(|member| stays(&member)) {
        return list.clone();
    }
    in_order(list, stays, &changed)
}

/// The list that OpenTelemetry's baggage was filled from: a member that is not there any more was
/// removed, any other was never there.
#[derive(Debug)]
struct Filled(Baggage);

/// Members that stay, changed ones in the place of the first with their key, then new ones.
fn in_order(
    list: &Baggage,
    stays: impl Fn(&Member<'_>) -> bool,
    changed: &BTreeMap<&str, Baggage>,
) -> Baggage {
    let mut new = changed.clone();
    let mut members = Vec::with_capacity(list.len() + changed.len());
    for member in list.iter() {
        if stays(&member) {
            members.push(member);
        } else if new.remove(member.key()).is_some() {
            members.extend(changed.get(member.key()).into_iter().flat_map(Baggage::iter));
        }
    }
    members.extend(new.values().flat_map(Baggage::iter));
    Baggage::from_members_within(limits::BAGGAGE_MEMBERS, limits::BAGGAGE_BYTES, members)
}

/// Of several members with one key, OpenTelemetry holds the last.
fn in_opentelemetry(list: &Baggage) -> baggage::Baggage {
    let member = |member: Member<'_>| {
        let properties = member.as_str().split_once(';').map_or("", |(_, properties)| properties);
        KeyValueMetadata::new(member.key().to_owned(), member.value().into_owned(), properties)
    };
    list.iter().filter(|member| !member.is_sentry()).map(member).collect()
}

/// One member as a list, if there can be such a member.
fn written(key: &str, value: &str, properties: &str) -> Option<Baggage> {
    let mut plain = Baggage::default();
    plain.push(key, value).ok().filter(|()| !plain.iter().any(|member| member.is_sentry()))?;
    if properties.is_empty() {
        return Some(plain);
    }
    // Properties are not encoded (rule BG-7): with a comma in them, there would be another member.
    let whole = format!("{};{properties}", plain.as_str()).parse::<Baggage>().ok();
    Some(whole.filter(|list| list.len() == 1).unwrap_or(plain))
}
