//! Context inside JSON texts: what is read, what a sender writes, and what a relay replaces.

use opentelemetry::Context;
use serde::Deserialize;
use serde_json::Value;
use throughline::context::{TraceContext, TraceParent};
use throughline::otel::ContextExt;
use throughline::propagation::Propagator;
use throughline::websocket::{Envelope, Placement};

use super::case::{extract, fields, names_rules, same};
use super::format::{PARENT, Text, shape};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum MessageCase {
    /// What a receiver finds in a text, and the text without it.
    Read(ReadCase),
    /// What a sender makes of a text that may bring a context of its own.
    Encode(WriteCase),
    /// What a relay makes of a text that it passes on.
    Relay(WriteCase),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "rule")]
    _rule: String,
    r#in: Text,
    /// Where a context may stand beside the names that are known.
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    options: Propagator,
    max_context_bytes: Option<usize>,
    #[serde(deserialize_with = "Option::deserialize")]
    expect: Option<ExpectedContext>,
    #[serde(default)]
    refused: Vec<String>,
    /// Trace id of the link.
    link: Option<String>,
    /// The text without its context.
    out: Text,
    #[serde(default, rename = "note")]
    _note: Value,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedContext {
    trace_id: Option<String>,
    parent_id: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    sampled: Option<bool>,
    #[serde(default)]
    random: bool,
    #[serde(default)]
    tracestate: Text,
    #[serde(default)]
    baggage: Text,
}

impl ExpectedContext {
    fn of(context: &TraceContext) -> Option<Self> {
        let parent = context.parent();
        (!context.is_empty()).then(|| Self {
            trace_id: parent.map(|parent| parent.trace_id().to_string()),
            parent_id: parent.map(|parent| parent.parent_id().to_string()),
            sampled: context.sampled(),
            random: parent.is_some_and(|parent| parent.random()),
            tracestate: Text(context.trace_state().as_str().to_owned()),
            baggage: Text(context.baggage().as_str().to_owned()),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WriteCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "rule")]
    _rule: String,
    r#in: Text,
    /// The context that is to be written, as headers.
    context: Vec<(String, Text)>,
    /// Where it is written, in this order.
    write: Option<Vec<String>>,
    #[serde(default)]
    options: Propagator,
    max_context_bytes: Option<usize>,
    out: Text,
    #[serde(default, rename = "note")]
    _note: Value,
}

pub(super) fn messages(case: &Value) -> Result<(), String> {
    match shape(case)? {
        MessageCase::Read(case) => read(case),
        MessageCase::Encode(case) => {
            let context = extract(&case.options, &fields(&case.context))?.context;
            let out = writer(&case)?.inject(&case.r#in.0, &context).into_owned();
            same("out", &out, &case.out.0)
        }
        MessageCase::Relay(case) => {
            let context = extract(&case.options, &fields(&case.context))?.context;
            let out = writer(&case)?.replace(&case.r#in.0, &context).into_owned();
            same("out", &out, &case.out.0)
        }
    }
}

fn read(case: ReadCase) -> Result<(), String> {
    if let Some(path) = case.read.first() {
        return Err(format!("an envelope cannot be told to read {path:?}"));
    }
    let envelope = limited(Envelope::json().propagation(case.options), case.max_context_bytes);
    let found = envelope.extract(&case.r#in.0);
    same("context", &ExpectedContext::of(&found.context), &case.expect)?;
    names_rules(&found, &case.refused)?;
    same("link", &found.link.map(|link| link.trace_id().to_string()), &case.link)?;
    same("out", &envelope.strip(&case.r#in.0).as_ref(), &case.out.0.as_str())
}

fn writer(case: &WriteCase) -> Result<Envelope, String> {
    let envelope = Envelope::json().propagation(case.options.clone());
    let envelope = limited(envelope, case.max_context_bytes);
    let Some(names) = &case.write else { return Ok(envelope) };
    let placements: Result<Vec<_>, String> = names.iter().map(|name| placement(name)).collect();
    Ok(envelope.write(placements?))
}

fn limited(envelope: Envelope, bytes: Option<usize>) -> Envelope {
    match bytes {
        Some(bytes) => envelope.max_context_bytes(bytes),
        None => envelope,
    }
}

fn placement(name: &str) -> Result<Placement, String> {
    match name {
        "_trace" => Ok(Placement::Trace),
        "_sentry" => Ok(Placement::Sentry),
        other => Err(format!("an envelope cannot write {other:?}")),
    }
}

#[test]
fn ms_6_a_message_is_no_child_of_what_is_current_where_it_is_read() {
    let connection: TraceParent = PARENT.parse().unwrap();
    let _current = Context::new().with_trace_context(connection.into()).attach();
    assert_eq!(TraceContext::current().parent(), Some(&connection));
    for text in ["{}", r#"{"_trace":null}"#, r#"{"_sentry":{"trace":"nonsense"}}"#] {
        assert!(Envelope::json().extract(text).context.is_empty(), "{text}");
    }
}
