//! What holds for every text, whoever has written it.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::super::*;
use crate::limits::{MAX_ID_CHARS, MAX_INNER_TYPE_BYTES};

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        holds(&text)?;
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        holds(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn no_json_panics(value in json_value()) {
        holds(&value.to_string())?;
    }

    #[test]
    fn no_event_panics(event in event_like()) {
        holds(&event.to_string())?;
    }

    #[test]
    fn no_damaged_event_panics(
        event in event_like(),
        damage in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = event.to_string().into_bytes();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        holds(&String::from_utf8_lossy(&bytes))?;
    }
}

/// Either the text is refused under a known name, or it is an event that keeps to every bound and
/// comes back the same after it was written.
fn holds(text: &str) -> Result<(), TestCaseError> {
    let event = match RunnerEvent::parse(text) {
        Ok(event) => event,
        Err(refused) => {
            let names = ["not_json", "missing_field", "unknown_type", "too_large", "bad_data"];
            prop_assert!(names.contains(&refused.name()));
            return Ok(());
        }
    };
    let EventIds { project_id, command_id, session_id } = &event.ids;
    for id in [Some(project_id), Some(command_id), session_id.as_ref()].into_iter().flatten() {
        prop_assert!(id.chars().count() <= MAX_ID_CHARS && !id.chars().any(char::is_control));
        prop_assert!(!id.is_empty() || !event.kind().is_traced());
    }
    prop_assert!(i64::try_from(event.seq).is_ok() && i64::try_from(event.timestamp_ms).is_ok());
    let name = event.inner_type();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    prop_assert!(name.len() <= MAX_INNER_TYPE_BYTES && name.bytes().all(plain), "{}", name);

    let again = RunnerEvent::parse(&event.to_json());
    let again = again.map_err(|refused| TestCaseError::fail(refused.to_string()))?;
    prop_assert_eq!(again.kind(), event.kind());
    prop_assert_eq!((again.seq, again.timestamp_ms), (event.seq, event.timestamp_ms));
    prop_assert_eq!(&again.ids, &event.ids);
    prop_assert_eq!(again.data().as_text(), event.data().as_text());
    prop_assert_eq!(again.inner_type(), event.inner_type());
    Ok(())
}

/// An object with the fields of an event, many of them right.
fn event_like() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        8 => select(EventType::ALL.as_slice()).prop_map(|kind| json!(kind.as_str())),
        1 => json_value(),
    ];
    let id = || {
        prop_oneof![
            8 => "[a-zé]{1,3}".prop_map(Value::from),
            1 => any::<String>().prop_map(Value::from),
            1 => json_value(),
        ]
    };
    let number = || {
        prop_oneof![
            8 => (1..i64::MAX).prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => json_value(),
        ]
    };
    let data = prop_oneof![
        4 => stream_data().prop_map(|data| json!(data.to_string())),
        1 => any::<Option<i32>>().prop_map(|code| json!({ "exitCode": code })),
        1 => json_value(),
    ];
    let fields = (kind, number(), id(), id(), id(), number(), data);
    let others = btree_map("[a-z_]{1,8}", json_value(), 0..3);
    // Each bit leaves one field out.
    let absent = prop_oneof![
        1 => any::<u8>(),
        1 => (0..7_u32).prop_map(|bit| 1 << bit),
        4 => Just(0),
    ];
    (fields, others, absent).prop_map(|(fields, others, absent)| {
        let (kind, seq, project, command, session, stamp, data) = fields;
        let values = [kind, seq, project, command, session, stamp, data];
        let mut event: Map<_, _> = others.into_iter().collect();
        for (bit, (name, value)) in FIELDS.iter().zip(values).enumerate() {
            if absent & (1 << bit) == 0 {
                event.insert((*name).to_owned(), value);
            }
        }
        Value::Object(event)
    })
}

/// What can stand inside the `data` string, many of it right.
fn stream_data() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        select(["todo-write", "tool-input", "text-delta", "tool-output"].as_slice())
            .prop_map(str::to_owned),
        "[a-zA-Z. <-]{0,70}",
    ];
    let todo = (".{1,3}", ".{0,9}", select(["pending", "in_progress", "later"].as_slice()));
    let todo = todo
        .prop_map(|(id, content, status)| json!({"id": id, "content": content, "status": status}));
    let fields = (kind, vec(todo, 0..3), ".{0,3}", any::<Option<i32>>(), json_value());
    fields.prop_map(|(kind, todos, id, code, any)| {
        json!({
            "type": kind,
            "todos": todos,
            "toolCallId": id,
            "toolName": id,
            "stream": "stderr",
            "text": id,
            "input": any,
            "exitCode": code,
            "isError": code.is_none(),
        })
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(select(FIELDS.as_slice()).prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

const FIELDS: [&str; 7] =
    ["type", "seq", "projectId", "commandId", "sessionId", "timestampMs", "data"];
