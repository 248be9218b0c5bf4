//! What a web page sees of a session.

use serde::{Deserialize, Serialize};

/// The message that subscribers receive, whole each time.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "state")]
pub(super) struct State {
    /// None as long as the database has no session.
    pub(super) session: Option<Session>,
    #[serde(flatten)]
    pub(super) raw: RawState,
}

/// A row of `generation_sessions`.
#[derive(Debug, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub(super) id: String,
    project_id: String,
    command_id: String,
    status: String,
    exit_code: Option<i32>,
    trace_id: Option<String>,
    created_at_ms: i64,
    updated_at_ms: i64,
    finished_at_ms: Option<i64>,
    #[serde(skip)]
    raw_state: Option<String>,
}

/// What stands in `generation_sessions.raw_state`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawState {
    pub(super) todos: Vec<TodoRow>,
    pub(super) tool_calls: Vec<ToolCallRow>,
}

/// A row of `generation_todos`.
#[derive(Debug, Serialize, Deserialize, sqlx::FromRow)]
pub(super) struct TodoRow {
    id: String,
    content: String,
    status: String,
}

/// A row of `generation_tool_calls`, with the end of its output.
#[derive(Debug, Serialize, Deserialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolCallRow {
    id: String,
    name: String,
    /// The start of the input's JSON text.
    input: Option<String>,
    output: String,
    /// Characters of output that came before the part that is shown.
    omitted_chars: i64,
    exit_code: Option<i32>,
    state: String,
}

impl State {
    /// Puts a session together with the raw state in its row.
    pub(super) fn of(session: Option<Session>) -> Result<Self, sqlx::Error> {
        let raw = match session.as_ref().and_then(|session| session.raw_state.as_deref()) {
            Some(text) => {
                serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))?
            }
            None => RawState::default(),
        };
        Ok(Self { session, raw })
    }
}

/// The JSON text of a value that has no map with other keys than strings.
#[expect(clippy::expect_used, reason = "strings, numbers and lists always have a JSON form")]
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("JSON")
}
