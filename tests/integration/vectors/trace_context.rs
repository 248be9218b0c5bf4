//! `traceparent`, `tracestate`, and `tracestate` changed by a vendor.

use serde_json::Value;
use throughline::context::TraceState;
use throughline::propagation::{Field, Propagator};

use super::case::{extract, lines, names_rule, same, sent, value};
use super::format::{
    ExpectedParent, ExpectedState, Mutation, MutationCase, PARENT, ParentCase, StateCase, Text,
    shape,
};

pub(super) fn traceparent(case: &Value) -> Result<(), String> {
    let case: ParentCase = shape(case)?;
    let mut headers = lines("traceparent", &case.headers);
    headers.push(("tracestate".to_owned(), "a=1".to_owned()));
    let found = extract(&Propagator::default(), &headers)?;
    let Some(expected) = case.expect else {
        same("the context is empty", &found.context.is_empty(), &true)?;
        return names_rule(&found, Field::TraceParent, &case.rule);
    };
    let parent = found.context.parent().ok_or("there is no parent")?;
    let ExpectedParent { trace_id, parent_id, flags } = expected;
    same("trace_id", &parent.trace_id().to_string(), &trace_id)?;
    same("parent_id", &parent.parent_id().to_string(), &parent_id)?;
    let sent = sent(&Propagator::default(), &found.context)?;
    let out = format!("00-{trace_id}-{parent_id}-{flags}");
    same("traceparent out", &value(&sent, "traceparent"), &Some(&out))?;
    same("tracestate out", &value(&sent, "tracestate"), &Some("a=1"))?;
    same("refused", &found.refused.len(), &0)
}

pub(super) fn tracestate(case: &Value) -> Result<(), String> {
    let case: StateCase = shape(case)?;
    let mut headers = lines("tracestate", &case.headers);
    headers.push(("traceparent".to_owned(), PARENT.to_owned()));
    let found = extract(&Propagator::default(), &headers)?;
    let sent = sent(&Propagator::default(), &found.context)?;
    same("traceparent out", &value(&sent, "traceparent"), &Some(PARENT))?;
    let out = value(&sent, "tracestate");
    let expected = match case.expect {
        ExpectedState::Drop(_) => {
            same("tracestate out", &out, &None)?;
            same("list is empty", &found.context.trace_state().is_empty(), &true)?;
            return names_rule(&found, Field::TraceState, &case.rule);
        }
        ExpectedState::Members(members) => members,
    };
    same("members", &members(found.context.trace_state()), &expected)?;
    same("refused", &found.refused.len(), &0)?;
    match out {
        None => same("nothing is sent", &expected.is_empty(), &true),
        Some(out) => {
            let again: TraceState = out.parse().map_err(|e| format!("{e}"))?;
            same("members out", &members(&again), &expected)
        }
    }
}

pub(super) fn tracestate_mutation(case: &Value) -> Result<(), String> {
    let case: MutationCase = shape(case)?;
    let mut state: TraceState = case.r#in.list().parse().map_err(|e| format!("in: {e}"))?;
    let refused = mutate(&mut state, &case.op)?;
    // The error has no other way to name its rule than its text.
    let named = match (&refused, &case.refused) {
        (Some(error), Some(rule)) => error.contains(rule.as_str()),
        (refused, expected) => refused.is_none() && expected.is_none(),
    };
    same(&format!("refused {refused:?} as expected"), &named, &true)?;
    expects(&case, &state)
}

/// The error, if the list refuses the member.
fn mutate(state: &mut TraceState, op: &Mutation) -> Result<Option<String>, String> {
    match op {
        Mutation::Set(_, key, value) => {
            Ok(state.set(&key.0, &value.0).err().map(|error| error.to_string()))
        }
        Mutation::Fit(_, bytes) => {
            state.shorten(*bytes);
            same("is short enough", &(state.as_str().len() <= *bytes), &true)?;
            Ok(None)
        }
    }
}

fn expects(case: &MutationCase, state: &TraceState) -> Result<(), String> {
    let members = members(state);
    let mut checks = 0;
    if let Some(expected) = &case.expect {
        same("members", &members, expected)?;
        checks += 1;
    }
    if let Some(expected) = &case.expect_list {
        same("list", &state.as_str(), &expected.as_str())?;
        checks += 1;
    }
    if let Some(expected) = &case.expect_first {
        same("first", &members.first(), &Some(expected))?;
        checks += 1;
    }
    if let Some(expected) = case.expect_len {
        same("len", &members.len(), &expected)?;
        checks += 1;
    }
    if let Some(expected) = &case.expect_missing {
        same("missing", &members.iter().any(|(key, _)| key.0 == *expected), &false)?;
        checks += 1;
    }
    if let Some(expected) = &case.expect_keys {
        same("keys", &members.iter().map(|(key, _)| key.clone()).collect(), expected)?;
        checks += 1;
    }
    same("the case expects something", &(checks > 0), &true)
}

fn members(state: &TraceState) -> Vec<(Text, Text)> {
    state.iter().map(|(key, value)| (Text(key.to_owned()), Text(value.to_owned()))).collect()
}
