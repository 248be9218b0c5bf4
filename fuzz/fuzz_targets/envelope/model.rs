//! What an envelope is to make of a JSON object, by a full parse at every step.

use throughline::limits;
use throughline::websocket::{Envelope, Placement};

use crate::parsed::{Member, Parsed};
use Inside::{Context, Field, Object};

/// Members of an object, by what stands inside them.
pub type Level = &'static [(&'static str, Inside)];

#[derive(Clone, Copy, PartialEq)]
pub enum Inside {
    /// The header of this name.
    Field(&'static str),
    /// A context and nothing else.
    Context(Level),
    /// A context, or more than one, among other things.
    Object(Level),
}

/// An envelope, and where it writes and reads.
pub struct Model {
    pub envelope: fn() -> Envelope,
    pub write: Level,
    pub read: Level,
}

pub const MODELS: [Model; 5] = [
    Model { envelope: Envelope::json, write: USUAL, read: &[TRACE, SENTRY, META] },
    Model {
        envelope: || Envelope::json().write([Placement::Meta]),
        write: &[META],
        read: &[TRACE, SENTRY, META],
    },
    Model {
        envelope: || Envelope::json().write([Placement::path(["params", "_meta"])]),
        write: &[PARAMS],
        read: &[TRACE, SENTRY, META, PARAMS],
    },
    Model {
        envelope: || Envelope::json().write([Placement::path([""; 0])]),
        write: FIELDS,
        read: &[TRACE, SENTRY, META, FIELDS[0], FIELDS[1], FIELDS[2], FIELDS[3]],
    },
    Model {
        envelope: || Envelope::json().write([Placement::nested(["event"])]),
        write: &[EVENT],
        read: &[TRACE, SENTRY, META, EVENT],
    },
];

const FIELDS: Level = &[
    ("traceparent", Field("traceparent")),
    ("tracestate", Field("tracestate")),
    ("sentry-trace", Field("sentry-trace")),
    ("baggage", Field("baggage")),
];
const USUAL: Level = &[TRACE, SENTRY];
const TRACE: (&str, Inside) = ("_trace", Context(FIELDS));
const SENTRY: (&str, Inside) =
    ("_sentry", Context(&[("trace", Field("sentry-trace")), ("baggage", Field("baggage"))]));
const META: (&str, Inside) = ("_meta", Object(&[FIELDS[0], FIELDS[1], FIELDS[3]]));
const PARAMS: (&str, Inside) = ("params", Object(&[("_meta", Object(FIELDS))]));
const EVENT: (&str, Inside) = ("event", Object(USUAL));

/// Reads the headers of every context. Of one that stands in two places, the first counts.
pub fn read(level: Level, text: &str, headers: &mut Vec<(&'static str, String)>) {
    let Some(parsed) = Parsed::parse(text) else { return };
    let found = found(level, &parsed);
    for (at, (_, inside)) in level.iter().enumerate() {
        let Some((_, member)) = found.iter().rev().find(|(index, _)| *index == at) else {
            continue;
        };
        let fits = member.value.len() <= limits::ENVELOPE_CONTEXT_BYTES;
        match *inside {
            Field(name) if fits && headers.iter().all(|(known, _)| *known != name) => {
                headers.extend(serde_json::from_str(member.value).ok().map(|value| (name, value)));
            }
            Context(level) if fits => read(level, member.value, headers),
            Object(level) => read(level, member.value, headers),
            Field(_) | Context(_) => {}
        }
    }
}

/// Whether there is a context, be it a bad one.
pub fn stands_in(level: Level, text: &str) -> bool {
    let Some(parsed) = Parsed::parse(text) else { return false };
    found(level, &parsed).into_iter().any(|(at, member)| has_context(level[at].1, member))
}

fn has_context(inside: Inside, member: &Member<'_>) -> bool {
    match inside {
        Object(level) => stands_in(level, member.value),
        Field(_) | Context(_) => true,
    }
}

/// The text with these headers instead of what its contexts said.
pub fn replaced(model: &Model, text: &str, headers: &[(&str, &str)]) -> String {
    let parsed = Parsed::parse(text).expect("it is an object");
    let old = found(model.read, &parsed);
    // What the rule hides behind a context at the start counts for nothing as long as one stands there.
    if is_flat(model.write.iter()) && is_flat(old.iter().map(|(at, _)| &model.read[*at])) {
        let old: Vec<_> = old.into_iter().map(|(_, member)| member).collect();
        return parsed.rewrite(&members(model.write, headers), &old);
    }
    // Once more for what was hidden by it.
    let bare = removed(model.read, &removed(model.read, text));
    added(model.write, &bare, headers)
}

/// Whether nothing of it stands in somebody else's object.
pub fn is_flat<'l>(mut members: impl Iterator<Item = &'l (&'static str, Inside)>) -> bool {
    members.all(|(_, inside)| !matches!(inside, Object(_)))
}

/// The text without its contexts, and without objects that held nothing else.
pub fn removed(level: Level, text: &str) -> String {
    let Some(parsed) = Parsed::parse(text) else { return text.to_owned() };
    let (mut gone, mut edited) = (Vec::new(), None);
    // From the end, so that what was found before stays where it is.
    for (at, member) in found(level, &parsed).into_iter().rev() {
        let Object(level) = level[at].1 else {
            gone.insert(0, member);
            continue;
        };
        let rest = removed(level, member.value);
        let held_fields = level.iter().any(|(_, inside)| matches!(inside, Field(_)));
        if rest == member.value {
        } else if held_fields && Parsed::parse(&rest).is_some_and(|rest| rest.is_empty()) {
            gone.insert(0, member);
        } else {
            edited = Some((member, rest));
        }
    }
    match edited {
        // One behind the other comes to the same as all at once.
        Some((member, rest)) => removed(level, &parsed.with_value(member, &rest)),
        None => parsed.rewrite("", &gone),
    }
}

/// A text that has no context, with these headers.
pub fn added(level: Level, text: &str, headers: &[(&str, &str)]) -> String {
    let Some(parsed) = Parsed::parse(text) else { return text.to_owned() };
    let found = found(level, &parsed);
    let (mut first, mut edits) = (Vec::new(), Vec::new());
    for (at, known) in level.iter().enumerate() {
        match (found.iter().rev().find(|(index, _)| *index == at), known.1) {
            (None, _) => first.extend(member(*known, headers)),
            (Some((_, member)), Object(level)) => {
                edits.push((*member, added(level, member.value, headers)));
            }
            (Some(_), Field(_) | Context(_)) => {}
        }
    }
    // No envelope here has two objects of other people's at one level.
    let edited = edits.pop().map(|(member, value)| parsed.with_value(member, &value));
    assert!(edits.is_empty());
    let text = edited.as_deref().unwrap_or(text);
    Parsed::parse(text).expect("it was an object").rewrite(&first.join(","), &[])
}

/// The members that are written into an object which has none of them.
pub fn members(level: Level, headers: &[(&str, &str)]) -> String {
    level.iter().filter_map(|known| member(*known, headers)).collect::<Vec<_>>().join(",")
}

fn member((name, inside): (&str, Inside), headers: &[(&str, &str)]) -> Option<String> {
    let value = match inside {
        Field(field) => {
            let (_, value) = headers.iter().find(|(name, _)| *name == field)?;
            serde_json::to_string(value).expect("it is a text")
        }
        Context(level) | Object(level) => {
            let members = members(level, headers);
            (!members.is_empty()).then(|| format!("{{{members}}}"))?
        }
    };
    Some(format!("\"{name}\":{value}"))
}

fn found<'p, 'a>(level: Level, parsed: &'p Parsed<'a>) -> Vec<(usize, &'p Member<'a>)> {
    let names: Vec<_> = level.iter().map(|(name, _)| *name).collect();
    parsed.found(&names, |at, member| has_context(level[at].1, member))
}
