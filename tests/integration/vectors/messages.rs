//! Context inside JSON texts: what is read, what a sender writes, and what a relay replaces.

use opentelemetry::Context;
use serde_json::Value;
use throughline::context::{TraceContext, TraceParent};
use throughline::otel::ContextExt;
use throughline::propagation::Propagator;
use throughline::websocket::{Envelope, Placement};

use super::case::{extract, fields, names_rules, same};
use super::format::{ExpectedContext, MessageCase, PARENT, ReadCase, Text, WriteCase, shape};

pub(super) fn messages(case: &Value) -> Result<(), String> {
    match shape(case)? {
        MessageCase::Read(case) => read(case),
        MessageCase::Encode(case) => {
            let context = extract(&case.options, &fields(&case.context))?.context;
            let out = writer(&case).inject(&case.r#in.0, &context).into_owned();
            same("out", &out, &case.out.0)
        }
        MessageCase::Relay(case) => {
            let context = extract(&case.options, &fields(&case.context))?.context;
            let out = writer(&case).replace(&case.r#in.0, &context).into_owned();
            same("out", &out, &case.out.0)
        }
    }
}

fn read(case: ReadCase<Propagator>) -> Result<(), String> {
    let paths = case.read.iter().map(|path| Placement::path(path.split('.')));
    let envelope = Envelope::json().propagation(case.options).read(paths);
    let envelope = limited(envelope, case.max_context_bytes);
    let found = envelope.extract(&case.r#in.0);
    same("context", &context(&found.context), &case.expect)?;
    names_rules(&found, &case.refused)?;
    same("link", &found.link.map(|link| link.trace_id().to_string()), &case.link)?;
    same("out", &envelope.strip(&case.r#in.0).as_ref(), &case.out.0.as_str())
}

/// What a case says of a context; none where it is empty.
fn context(found: &TraceContext) -> Option<ExpectedContext> {
    let parent = found.parent();
    (!found.is_empty()).then(|| ExpectedContext {
        trace_id: parent.map(|parent| parent.trace_id().to_string()),
        parent_id: parent.map(|parent| parent.parent_id().to_string()),
        sampled: found.sampled(),
        random: parent.is_some_and(|parent| parent.random()),
        tracestate: Text(found.trace_state().as_str().to_owned()),
        baggage: Text(found.baggage().as_str().to_owned()),
    })
}

fn writer(case: &WriteCase<Propagator>) -> Envelope {
    let envelope = Envelope::json().propagation(case.options.clone());
    let envelope = limited(envelope, case.max_context_bytes);
    let Some(names) = &case.write else { return envelope };
    envelope.write(names.iter().map(|name| placement(name)))
}

fn limited(envelope: Envelope, bytes: Option<usize>) -> Envelope {
    match bytes {
        Some(bytes) => envelope.max_context_bytes(bytes),
        None => envelope,
    }
}

fn placement(name: &str) -> Placement {
    match name {
        "_trace" => Placement::Trace,
        "_sentry" => Placement::Sentry,
        "_meta" => Placement::Meta,
        path => Placement::path(path.split('.')),
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
