//! What a `build-stream` event holds: the JSON inside its `data` string.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::EventRefused;
use super::wire::{is_id, to_json};
use crate::limits::MAX_INNER_TYPE_BYTES;

/// Progress of a build, told apart by an inner `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum StreamData {
    /// Todos as they stand now. A todo that is not named stays as it was.
    TodoWrite {
        /// In the order to show.
        todos: Vec<Todo>,
    },
    /// A tool call begins.
    ToolInput {
        /// Id of the tool call in its session.
        tool_call_id: String,
        /// Name of the tool.
        tool_name: String,
        /// What the tool was called with.
        input: Value,
    },
    /// A tool call wrote something.
    TextDelta {
        /// The tool call that wrote.
        tool_call_id: String,
        /// Where it wrote to.
        stream: OutputStream,
        /// What it wrote, with the end of the line.
        text: String,
    },
    /// A tool call ended.
    ToolOutput {
        /// The tool call that ended.
        tool_call_id: String,
        /// Exit code of its process, none if there is none or a signal ended it.
        exit_code: Option<i32>,
        /// Whether it failed.
        is_error: bool,
    },
    /// A type that is not known here: kept as it came, without effect.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

/// One todo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Todo {
    /// Id of the todo in its session.
    pub(crate) id: String,
    /// What is to be done.
    pub(crate) content: String,
    /// How far it is.
    pub(crate) status: TodoStatus,
}

/// How far a todo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TodoStatus {
    /// Not begun.
    Pending,
    /// Being done.
    InProgress,
    /// Done.
    Completed,
    /// Given up.
    Failed,
}

/// Where a process wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StreamData {
    /// Reads the text inside a `data` string.
    ///
    /// # Errors
    ///
    /// [`EventRefused::BadData`] if it is no JSON object with a `type`, or if it is of a known
    /// type and a field of it does not fit.
    pub(crate) fn parse(text: &str) -> Result<Self, EventRefused> {
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| EventRefused::BadData("data"))?;
        let Some(Value::String(name)) = object.get("type") else {
            return Err(EventRefused::BadData("data.type"));
        };
        if !matches!(name.as_str(), "todo-write" | "tool-input" | "text-delta" | "tool-output") {
            return Ok(Self::Other(object));
        }
        let known: Known = serde_json::from_value(Value::Object(object))
            .map_err(|_| EventRefused::BadData("data"))?;
        Self::from(known).checked()
    }

    /// The inner type; `other` for one that is too long or no plain word.
    pub(crate) fn type_name(&self) -> &str {
        match self {
            Self::TodoWrite { .. } => "todo-write",
            Self::ToolInput { .. } => "tool-input",
            Self::TextDelta { .. } => "text-delta",
            Self::ToolOutput { .. } => "tool-output",
            Self::Other(object) => match object.get("type") {
                Some(Value::String(name)) if is_plain(name) => name,
                _ => "other",
            },
        }
    }

    /// The text that goes into a `data` string.
    pub(crate) fn to_json(&self) -> String {
        to_json(self)
    }

    fn checked(self) -> Result<Self, EventRefused> {
        let fits = match &self {
            Self::TodoWrite { todos } => todos.iter().all(|todo| is_id(&todo.id)),
            Self::ToolInput { tool_call_id, .. }
            | Self::TextDelta { tool_call_id, .. }
            | Self::ToolOutput { tool_call_id, .. } => is_id(tool_call_id),
            Self::Other(_) => true,
        };
        if fits { Ok(self) } else { Err(EventRefused::BadData("data")) }
    }
}

/// The types that have an effect. Apart from [`StreamData`], since serde would take a known type
/// with a broken field for an unknown one.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Known {
    TodoWrite {
        todos: Vec<Todo>,
    },
    ToolInput {
        tool_call_id: String,
        tool_name: String,
        #[serde(default)]
        input: Value,
    },
    TextDelta {
        tool_call_id: String,
        stream: OutputStream,
        text: String,
    },
    ToolOutput {
        tool_call_id: String,
        #[serde(default)]
        exit_code: Option<i32>,
        #[serde(default)]
        is_error: bool,
    },
}

impl From<Known> for StreamData {
    fn from(known: Known) -> Self {
        match known {
            Known::TodoWrite { todos } => Self::TodoWrite { todos },
            Known::ToolInput { tool_call_id, tool_name, input } => {
                Self::ToolInput { tool_call_id, tool_name, input }
            }
            Known::TextDelta { tool_call_id, stream, text } => {
                Self::TextDelta { tool_call_id, stream, text }
            }
            Known::ToolOutput { tool_call_id, exit_code, is_error } => {
                Self::ToolOutput { tool_call_id, exit_code, is_error }
            }
        }
    }
}

/// Whether a sender's word can stand in a span name.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_INNER_TYPE_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
