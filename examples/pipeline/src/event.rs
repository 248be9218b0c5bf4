//! The events that travel from the runner to the database.
//!
//! On the wire an event is one JSON object: `type`, `seq`, `projectId`, `commandId`, `data`, and
//! optionally `sessionId` and `timestampMs`. Fields that are not named here are left alone, so the
//! trace context (`_trace`, `_sentry`) and fields of other senders do not disturb. `data` of a
//! `build-stream` is a string that holds JSON again, see [`StreamData`].

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::limits::MAX_EVENT_BYTES;

mod refused;
mod stream;
mod wire;

pub(crate) use refused::EventRefused;
pub(crate) use stream::{OutputStream, StreamData, Todo, TodoStatus};

use wire::{DataOut, WireIn, WireOut, data_of, id, id_of, number, seq_of, string, to_json, to_raw};

/// What an event reports; the `type` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EventType {
    /// Progress of a build: todos, tool calls, their output.
    BuildStream,
    /// The build ended well.
    BuildCompleted,
    /// The build ended badly.
    BuildFailed,
    /// The runner could not do something.
    Error,
    /// Facts about the project.
    ProjectMetadata,
    /// Files are gone.
    FilesDeleted,
    /// A file has new content.
    FileWritten,
    /// The runner lives. Never traced, never stored.
    RunnerHeartbeat,
}

impl EventType {
    /// Every type, in the order above.
    pub(crate) const ALL: [Self; 8] = [
        Self::BuildStream,
        Self::BuildCompleted,
        Self::BuildFailed,
        Self::Error,
        Self::ProjectMetadata,
        Self::FilesDeleted,
        Self::FileWritten,
        Self::RunnerHeartbeat,
    ];

    /// The name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::BuildStream => "build-stream",
            Self::BuildCompleted => "build-completed",
            Self::BuildFailed => "build-failed",
            Self::Error => "error",
            Self::ProjectMetadata => "project-metadata",
            Self::FilesDeleted => "files-deleted",
            Self::FileWritten => "file-written",
            Self::RunnerHeartbeat => "runner-heartbeat",
        }
    }

    /// Whether an event of this type has a span and carries a trace context.
    pub(crate) fn is_traced(self) -> bool {
        self != Self::RunnerHeartbeat
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Whose event it is: the ids that all events of one command share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventIds {
    /// The project that is built.
    pub(crate) project_id: String,
    /// The command that the runner executes; with `seq` it identifies an event.
    pub(crate) command_id: String,
    /// The session that the command belongs to; the command's id stands in when there is none.
    pub(crate) session_id: Option<String>,
}

/// What an event says, by the shape its type asks for.
#[derive(Clone, Debug)]
pub(crate) enum EventData {
    /// `data` of a `build-stream`.
    Stream {
        /// The JSON text as it came.
        text: String,
        /// The same text, understood.
        stream: StreamData,
    },
    /// `data` of a `build-completed` or `build-failed`.
    Exit {
        /// The object as it came.
        json: Box<RawValue>,
        /// Exit code of the command, none if a signal ended it.
        exit_code: Option<i32>,
    },
    /// `data` of any other type: any JSON.
    Json(Box<RawValue>),
}

impl EventData {
    /// The JSON text to keep: for a `build-stream` the text inside the string.
    pub(crate) fn as_text(&self) -> &str {
        match self {
            Self::Stream { text, .. } => text,
            Self::Exit { json, .. } | Self::Json(json) => json.get(),
        }
    }
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct RunnerEvent {
    kind: EventType,
    /// Number of the event in its command, counted from 1. `(command_id, seq)` is its identity: a
    /// resent event keeps both. 0 if the sender does not number: then a resent event counts twice.
    pub(crate) seq: u64,
    /// Whose event it is.
    pub(crate) ids: EventIds,
    /// When the sender made it, in milliseconds since 1970; 0 if it did not say.
    pub(crate) timestamp_ms: u64,
    data: EventData,
}

impl RunnerEvent {
    /// Reads one event.
    ///
    /// # Errors
    ///
    /// The rule that the text breaks, see [`EventRefused`].
    pub(crate) fn parse(text: &str) -> Result<Self, EventRefused> {
        if text.len() > MAX_EVENT_BYTES {
            return Err(EventRefused::TooLarge);
        }
        let wire = WireIn::parse(text)?;
        let kind =
            EventType::from_name(&string(wire.kind, "type")?).ok_or(EventRefused::UnknownType)?;
        let ids = EventIds {
            project_id: id_of(kind, wire.project_id, "projectId")?,
            command_id: id_of(kind, wire.command_id, "commandId")?,
            session_id: wire.session_id.map(|raw| id(Some(raw), "sessionId")).transpose()?,
        };
        Ok(Self {
            kind,
            seq: seq_of(kind, wire.seq)?,
            ids,
            timestamp_ms: match wire.timestamp_ms {
                Some(raw) => number(raw, "timestampMs")?,
                None => 0,
            },
            data: data_of(kind, wire.data)?,
        })
    }

    /// Makes a `build-stream` event, stamped with the time of the call.
    pub(crate) fn build_stream(ids: EventIds, seq: u64, stream: &StreamData) -> Self {
        let data = EventData::Stream { text: stream.to_json(), stream: stream.clone() };
        Self::stamped(EventType::BuildStream, ids, seq, data)
    }

    /// Makes a `build-completed` event, stamped with the time of the call.
    pub(crate) fn build_completed(ids: EventIds, seq: u64, exit_code: i32) -> Self {
        let json = to_raw(&serde_json::json!({ "exitCode": exit_code }));
        let data = EventData::Exit { json, exit_code: Some(exit_code) };
        Self::stamped(EventType::BuildCompleted, ids, seq, data)
    }

    /// Makes a `build-failed` event, stamped with the time of the call. The exit code is none if
    /// the command could not start or a signal ended it; the reason is for people.
    pub(crate) fn build_failed(
        ids: EventIds,
        seq: u64,
        exit_code: Option<i32>,
        reason: &str,
    ) -> Self {
        let json = to_raw(&serde_json::json!({ "exitCode": exit_code, "reason": reason }));
        Self::stamped(EventType::BuildFailed, ids, seq, EventData::Exit { json, exit_code })
    }

    /// Makes a heartbeat, stamped with the time of the call. It belongs to no command and has no
    /// number.
    pub(crate) fn heartbeat() -> Self {
        let ids =
            EventIds { project_id: String::new(), command_id: String::new(), session_id: None };
        let data = EventData::Json(to_raw(&serde_json::json!({})));
        Self::stamped(EventType::RunnerHeartbeat, ids, 0, data)
    }

    /// Makes an event of a type whose `data` is any JSON, stamped with the time of the call.
    ///
    /// # Errors
    ///
    /// [`EventRefused::BadData`] if the type asks for another shape of `data`.
    pub(crate) fn with_json(
        kind: EventType,
        ids: EventIds,
        seq: u64,
        data: &serde_json::Value,
    ) -> Result<Self, EventRefused> {
        let json = to_raw(data);
        Ok(Self::stamped(kind, ids, seq, data_of(kind, Some(&json))?))
    }

    /// The same event with a number.
    pub(crate) fn numbered(&self, seq: u64) -> Self {
        Self { seq, ..self.clone() }
    }

    /// What the event reports.
    pub(crate) fn kind(&self) -> EventType {
        self.kind
    }

    /// What the event says.
    pub(crate) fn data(&self) -> &EventData {
        &self.data
    }

    /// The type that names the event's span: the inner one of a `build-stream`, else its own.
    /// `other` stands for an inner type that is too long or no plain word.
    pub(crate) fn inner_type(&self) -> &str {
        match &self.data {
            EventData::Stream { stream, .. } => stream.type_name(),
            _ => self.kind.as_str(),
        }
    }

    /// The session's id, for which the command's stands in.
    pub(crate) fn session_id(&self) -> &str {
        self.ids.session_id.as_deref().unwrap_or(&self.ids.command_id)
    }

    /// The event as it goes over the wire.
    pub(crate) fn to_json(&self) -> String {
        to_json(self)
    }

    fn stamped(kind: EventType, ids: EventIds, seq: u64, data: EventData) -> Self {
        Self { kind, seq, ids, timestamp_ms: now_ms(), data }
    }
}

impl Serialize for RunnerEvent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WireOut {
            kind: self.kind,
            seq: Some(self.seq).filter(|seq| *seq > 0),
            project_id: &self.ids.project_id,
            command_id: &self.ids.command_id,
            session_id: self.ids.session_id.as_deref(),
            timestamp_ms: self.timestamp_ms,
            data: match &self.data {
                EventData::Stream { text, .. } => DataOut::Text(text),
                EventData::Exit { json, .. } | EventData::Json(json) => DataOut::Json(json),
            },
        }
        .serialize(serializer)
    }
}

/// Milliseconds since 1970; 0 if the clock stands before that.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
