//! The same work by libraries for JSON. The parent is parsed by this library for all of them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use throughline::context::TraceParent;

use crate::texts::{CONTEXT, TRACEPARENT};

/// Nothing but the context, by a type that skips all else.
pub(crate) fn read_by_struct(text: &str) -> Option<TraceParent> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, rename = "_trace")]
        trace: Option<Trace<'a>>,
    }
    #[derive(Deserialize)]
    struct Trace<'a> {
        #[serde(borrow)]
        traceparent: Cow<'a, str>,
    }
    let message: Message<'_> = serde_json::from_str(text).expect("it is an event");
    message.trace?.traceparent.parse().ok()
}

pub(crate) fn read_by_value(text: &str) -> Option<TraceParent> {
    let value: Value = serde_json::from_str(text).expect("it is an event");
    value.get("_trace")?.get("traceparent")?.as_str()?.parse().ok()
}

pub(crate) fn read_checked(text: &str) -> Option<TraceParent> {
    let value = sonic_rs::get_from_str(text, &["_trace", "traceparent"]).ok()?;
    sonic_rs::from_str::<&str>(value.as_raw_str()).ok()?.parse().ok()
}

pub(crate) fn read_unchecked(text: &str) -> Option<TraceParent> {
    // SAFETY: the texts are valid JSON.
    let value = unsafe { sonic_rs::get_unchecked(text, &["_trace", "traceparent"]) }.ok()?;
    sonic_rs::from_str::<&str>(value.as_raw_str()).ok()?.parse().ok()
}

pub(crate) fn write_by_value(text: &str) -> String {
    let mut value: Map<String, Value> = serde_json::from_str(text).expect("it is an event");
    let context: Map<String, Value> =
        serde_json::from_str(&format!("{{{CONTEXT}}}")).expect("valid");
    value.extend(context);
    serde_json::to_string(&value).expect("it has text keys")
}

pub(crate) fn write_by_raw_values(text: &str) -> String {
    let mut members: BTreeMap<Cow<'_, str>, &RawValue> =
        serde_json::from_str(text).expect("it is an event");
    #[derive(Serialize)]
    struct Trace {
        traceparent: &'static str,
    }
    let trace =
        serde_json::value::to_raw_value(&Trace { traceparent: TRACEPARENT }).expect("valid");
    members.insert("_trace".into(), &trace);
    serde_json::to_string(&members).expect("it has text keys")
}
