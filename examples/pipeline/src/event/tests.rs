use serde_json::{Value, json};

use super::*;
use crate::limits::MAX_ID_CHARS;

mod properties;

fn ids() -> EventIds {
    EventIds { project_id: "p".into(), command_id: "c".into(), session_id: Some("s".into()) }
}

fn event(kind: &str, data: &Value) -> String {
    json!({"type": kind, "seq": 1, "projectId": "p", "commandId": "c", "data": data}).to_string()
}

fn refusal(text: &str) -> EventRefused {
    RunnerEvent::parse(text).expect_err("refused")
}

#[test]
fn every_type_is_read_under_the_name_it_is_written_with() {
    for kind in EventType::ALL {
        let data = match kind {
            EventType::BuildStream => json!(r#"{"type":"text-start"}"#),
            _ => json!({}),
        };
        let read = RunnerEvent::parse(&event(kind.as_str(), &data)).expect("read");
        assert_eq!(read.kind(), kind);
        assert_eq!(serde_json::to_value(kind).expect("JSON"), kind.as_str());
    }
}

#[test]
fn only_heartbeats_are_untraced() {
    let untraced: Vec<_> = EventType::ALL.into_iter().filter(|kind| !kind.is_traced()).collect();
    assert_eq!(untraced, [EventType::RunnerHeartbeat]);
}

#[test]
fn a_stream_event_comes_back_as_it_was_made() {
    let all = [
        StreamData::TodoWrite {
            todos: vec![Todo {
                id: "1".into(),
                content: "build".into(),
                status: TodoStatus::InProgress,
            }],
        },
        StreamData::ToolInput {
            tool_call_id: "t".into(),
            tool_name: "cargo".into(),
            input: json!({"args": ["build"]}),
        },
        StreamData::TextDelta {
            tool_call_id: "t".into(),
            stream: OutputStream::Stderr,
            text: "warning: \"\u{0}\u{2028}\n".into(),
        },
        StreamData::ToolOutput { tool_call_id: "t".into(), exit_code: Some(101), is_error: true },
    ];
    for stream in all {
        let made = RunnerEvent::build_stream(ids(), 7, &stream);
        let read = RunnerEvent::parse(&made.to_json()).expect("read");
        assert_eq!(read.seq, 7);
        assert_eq!(read.ids, ids());
        assert_eq!(read.timestamp_ms, made.timestamp_ms);
        assert_eq!(read.inner_type(), stream.type_name());
        assert!(matches!(read.data(), EventData::Stream { stream: read, .. } if *read == stream));
    }
}

#[test]
fn data_of_a_stream_event_is_a_string_that_holds_json() {
    let made = RunnerEvent::build_stream(
        ids(),
        1,
        &StreamData::ToolOutput { tool_call_id: "t".into(), exit_code: None, is_error: false },
    );
    let wire: Value = serde_json::from_str(&made.to_json()).expect("JSON");
    assert_eq!(
        wire["data"],
        r#"{"type":"tool-output","toolCallId":"t","exitCode":null,"isError":false}"#
    );
    let stamp = made.timestamp_ms;
    assert!(made.to_json().starts_with(&format!(
        r#"{{"type":"build-stream","seq":1,"projectId":"p","commandId":"c","sessionId":"s","timestampMs":{stamp},"data":"#
    )));
}

#[test]
fn exit_codes_travel_in_the_final_events() {
    let failed = RunnerEvent::build_failed(ids(), 3, None, "killed").to_json();
    let completed = RunnerEvent::build_completed(ids(), 3, 0).to_json();
    for (text, expected) in [(failed, None), (completed, Some(0))] {
        let read = RunnerEvent::parse(&text).expect("read");
        assert!(matches!(read.data(), EventData::Exit { exit_code, .. } if *exit_code == expected));
    }
}

#[test]
fn an_unknown_inner_type_is_kept_verbatim() {
    let text = r#"{ "type": "text-start", "b": 1, "a": 1.50 }"#;
    let read = RunnerEvent::parse(&event("build-stream", &json!(text))).expect("read");
    assert_eq!(read.data().as_text(), text);
    assert_eq!(read.inner_type(), "text-start");
}

#[test]
fn an_inner_type_that_is_no_plain_word_does_not_reach_a_span_name() {
    for name in ["", "a b", "<script>", &"x".repeat(MAX_ID_CHARS)] {
        let text = json!({ "type": name }).to_string();
        let read = RunnerEvent::parse(&event("build-stream", &json!(text))).expect("read");
        assert_eq!(read.inner_type(), "other");
    }
}

#[test]
fn fields_of_others_are_ignored() {
    let text = r#"{"_trace":{"traceparent":"00"},"_sentry":{"trace":"x"},"type":"error","seq":1,
        "projectId":"p","commandId":"c","data":{"z":1,"a":2},"more":[[[]]]}"#;
    let read = RunnerEvent::parse(text).expect("read");
    assert_eq!(read.data().as_text(), r#"{"z":1,"a":2}"#);
    assert_eq!(read.session_id(), "c");
}

#[test]
fn a_heartbeat_needs_its_type_only() {
    let read = RunnerEvent::parse(r#"{"type":"runner-heartbeat"}"#).expect("read");
    assert_eq!((read.kind(), read.seq), (EventType::RunnerHeartbeat, 0));
    assert!(RunnerEvent::parse(&RunnerEvent::heartbeat().to_json()).is_ok());
}

#[test]
fn what_is_no_json_is_refused_as_such() {
    for text in ["", "hello", "{", r#"{"type":}"#, "{}x", "\u{feff}{}"] {
        assert_eq!(refusal(text).name(), "not_json", "{text}");
    }
}

#[test]
fn json_that_is_no_object_is_bad_data() {
    for text in ["[]", "1", "null", r#"["error",1,"p","c",null,1,{}]"#] {
        assert_eq!(refusal(text), EventRefused::BadData("event"), "{text}");
    }
}

#[test]
fn a_field_that_occurs_twice_is_bad_data() {
    let text = r#"{"type":"error","seq":1,"seq":2,"projectId":"p","commandId":"c","data":1}"#;
    assert_eq!(refusal(text), EventRefused::BadData("event"));
}

#[test]
fn a_field_that_is_absent_or_null_is_named() {
    let whole: Value = serde_json::from_str(&event("build-stream", &json!("{}"))).expect("JSON");
    for field in ["type", "projectId", "commandId", "data"] {
        let mut absent = whole.clone();
        absent.as_object_mut().expect("object").remove(field);
        let mut null = whole.clone();
        null[field] = Value::Null;
        for text in [absent.to_string(), null.to_string()] {
            assert_eq!(refusal(&text), EventRefused::MissingField(field));
        }
    }
}

#[test]
fn a_type_that_is_not_known_is_refused() {
    assert_eq!(refusal(&event("build_stream", &json!({}))).name(), "unknown_type");
}

#[test]
fn an_event_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let empty = event("error", &json!("")).len();
    let fits = event("error", &json!("x".repeat(MAX_EVENT_BYTES - empty)));
    assert_eq!(fits.len(), MAX_EVENT_BYTES);
    assert!(RunnerEvent::parse(&fits).is_ok());
    assert_eq!(refusal(&format!("{fits} ")), EventRefused::TooLarge);
}

#[test]
fn ids_are_bounded_and_free_of_control_characters() {
    let whole: Value = serde_json::from_str(&event("error", &json!(1))).expect("JSON");
    for field in ["projectId", "commandId", "sessionId"] {
        let mut longest = whole.clone();
        longest[field] = json!("é".repeat(MAX_ID_CHARS));
        assert!(RunnerEvent::parse(&longest.to_string()).is_ok());
        for bad in [json!("é".repeat(MAX_ID_CHARS + 1)), json!(""), json!("a\nb"), json!(7)] {
            let mut text = whole.clone();
            text[field] = bad;
            assert_eq!(refusal(&text.to_string()), EventRefused::BadData(field));
        }
    }
}

#[test]
fn numbers_that_the_database_cannot_hold_are_refused() {
    let whole: Value = serde_json::from_str(&event("error", &json!(1))).expect("JSON");
    for bad in [json!(0), json!(-1), json!(1.5), json!("1"), json!(u64::MAX)] {
        let mut text = whole.clone();
        text["seq"] = bad;
        assert_eq!(refusal(&text.to_string()), EventRefused::BadData("seq"));
    }
}

#[test]
fn a_known_inner_type_with_a_broken_field_is_bad_data() {
    for inner in [
        "x".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!({"type": 7}).to_string(),
        json!({"type": "todo-write"}).to_string(),
        json!({"type": "todo-write", "todos": [{"id": "1", "content": "", "status": "later"}]})
            .to_string(),
        json!({"type": "todo-write", "todos": [{"id": "", "content": "", "status": "pending"}]})
            .to_string(),
        json!({"type": "text-delta", "toolCallId": "t", "stream": "tty", "text": ""}).to_string(),
        json!({"type": "tool-output", "toolCallId": "t", "exitCode": 1_i64 << 40}).to_string(),
        format!(r#"{{"type":"tool-input","input":{}{}}}"#, "[".repeat(500), "]".repeat(500)),
    ] {
        let text = event("build-stream", &json!(inner));
        assert_eq!(refusal(&text).name(), "bad_data", "{inner}");
    }
}

#[test]
fn final_events_with_a_broken_exit_code_are_bad_data() {
    for data in [json!([]), json!([0]), json!("0"), json!({"exitCode": "0"})] {
        assert_eq!(refusal(&event("build-failed", &data)).name(), "bad_data", "{data}");
        let made = RunnerEvent::with_json(EventType::BuildFailed, ids(), 1, &data);
        assert!(made.is_err());
    }
}

#[test]
fn deep_nesting_neither_panics_nor_overflows() {
    for depth in [127, 128, 200_000] {
        let text = format!(
            r#"{{"type":"error","seq":1,"projectId":"p","commandId":"c","data":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        assert!(RunnerEvent::parse(&text).is_ok());
    }
}

#[test]
fn no_truncation_of_an_event_panics() {
    let whole = RunnerEvent::build_stream(
        ids(),
        1,
        &StreamData::TodoWrite {
            todos: vec![Todo { id: "ü".into(), content: "\"".into(), status: TodoStatus::Failed }],
        },
    )
    .to_json();
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        assert_eq!(refusal(&whole[..end]), EventRefused::NotJson);
    }
}
