//! The fields of an event on the wire, and the rules for each.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{EventData, EventRefused, EventType, StreamData};
use crate::limits::{FIRST_OWN_SEQ, MAX_ID_CHARS};

/// The fields in two steps, so that a refusal can name the one that is wrong.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireIn<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    pub(super) seq: Option<&'a RawValue>,
    pub(super) project_id: Option<&'a RawValue>,
    pub(super) command_id: Option<&'a RawValue>,
    pub(super) session_id: Option<&'a RawValue>,
    pub(super) timestamp_ms: Option<&'a RawValue>,
    pub(super) data: Option<&'a RawValue>,
}

impl<'a> WireIn<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, EventRefused> {
        // A derived struct reads an array of its fields as well; an event is an object only.
        if !text.trim_start().starts_with('{') {
            return Err(match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => EventRefused::BadData("event"),
                Err(_) => EventRefused::NotJson,
            });
        }
        serde_json::from_str(text).map_err(|error| match error.is_data() {
            // What is left at this level is a field that occurs twice.
            true => EventRefused::BadData("event"),
            false => EventRefused::NotJson,
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireOut<'a> {
    #[serde(rename = "type")]
    pub(super) kind: EventType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) project_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) command_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_id: Option<&'a str>,
    pub(super) timestamp_ms: u64,
    pub(super) data: DataOut<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum DataOut<'a> {
    Text(&'a str),
    Json(&'a RawValue),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExitIn {
    exit_code: Option<i32>,
}

pub(super) fn string(raw: Option<&RawValue>, field: &'static str) -> Result<String, EventRefused> {
    let raw = raw.ok_or(EventRefused::MissingField(field))?;
    serde_json::from_str(raw.get()).map_err(|_| EventRefused::BadData(field))
}

/// Reads a number that the database can hold.
pub(super) fn number(raw: &RawValue, field: &'static str) -> Result<u64, EventRefused> {
    serde_json::from_str(raw.get())
        .ok()
        .filter(|value| i64::try_from(*value).is_ok())
        .ok_or(EventRefused::BadData(field))
}

pub(super) fn id(raw: Option<&RawValue>, field: &'static str) -> Result<String, EventRefused> {
    let id = string(raw, field)?;
    if is_id(&id) { Ok(id) } else { Err(EventRefused::BadData(field)) }
}

/// An idle runner's heartbeat belongs to no project and no command.
pub(super) fn id_of(
    kind: EventType,
    raw: Option<&RawValue>,
    field: &'static str,
) -> Result<String, EventRefused> {
    if raw.is_none() && !kind.is_traced() { Ok(String::new()) } else { id(raw, field) }
}

pub(super) fn seq_of(kind: EventType, raw: Option<&RawValue>) -> Result<u64, EventRefused> {
    match raw {
        // Runners of other makes do not number their events; the database does it for them.
        None => Ok(0),
        Some(raw) => match number(raw, "seq")? {
            FIRST_OWN_SEQ.. => Err(EventRefused::BadData("seq")),
            0 if kind.is_traced() => Err(EventRefused::BadData("seq")),
            seq => Ok(seq),
        },
    }
}

pub(super) fn data_of(kind: EventType, raw: Option<&RawValue>) -> Result<EventData, EventRefused> {
    match kind {
        EventType::BuildStream => {
            let text = string(raw, "data")?;
            let stream = StreamData::parse(&text)?;
            Ok(EventData::Stream { text, stream })
        }
        EventType::BuildCompleted | EventType::BuildFailed => {
            let exit_code = match raw {
                // Same trap as above: an array would pass for the struct.
                Some(raw) if !raw.get().starts_with('{') => {
                    return Err(EventRefused::BadData("data"));
                }
                Some(raw) => {
                    let exit: ExitIn = serde_json::from_str(raw.get())
                        .map_err(|_| EventRefused::BadData("data.exitCode"))?;
                    exit.exit_code
                }
                None => None,
            };
            Ok(EventData::Exit { json: owned(raw), exit_code })
        }
        _ => Ok(EventData::Json(owned(raw))),
    }
}

fn owned(raw: Option<&RawValue>) -> Box<RawValue> {
    raw.map_or_else(|| RawValue::NULL.to_owned(), ToOwned::to_owned)
}

/// Whether a text can be an id: not empty, not too long, no control characters.
pub(super) fn is_id(text: &str) -> bool {
    // Bytes first: counting the characters of a megabyte to refuse it would be wasted.
    !text.is_empty()
        && text.len() <= MAX_ID_CHARS * 4
        && text.chars().count() <= MAX_ID_CHARS
        && !text.chars().any(char::is_control)
}

#[expect(clippy::expect_used, reason = "strings, numbers and JSON always have a JSON form")]
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("JSON")
}

#[expect(clippy::expect_used, reason = "strings, numbers and JSON always have a JSON form")]
pub(super) fn to_raw(value: &serde_json::Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("JSON")
}
