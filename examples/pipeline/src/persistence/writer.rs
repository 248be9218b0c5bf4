//! The statements of one transaction, each in its span.

use futures_util::TryStreamExt;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, TraceId};
use serde_json::Value;
use sqlx::SqliteConnection;
use sqlx::error::ErrorKind;

use super::state::{RawState, Session, State, to_json};
use super::{Instruments, PersistError, sql};
use crate::event::{EventData, RunnerEvent, StreamData, Todo};
use crate::limits::{
    FIRST_OWN_SEQ, MAX_OUTPUT_CHARS, MAX_STATE_INPUT_CHARS, MAX_STATE_OUTPUT_CHARS,
    MAX_STATE_TODO_CHARS, MAX_STATE_TODOS, MAX_STATE_TOOL_CALLS,
};

/// An open transaction and the span that its statements belong to.
pub(super) struct Writer<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) instruments: &'a Instruments,
    pub(super) cx: &'a Context,
}

impl Writer<'_> {
    /// The number for an event whose sender does not number: safe, since the transaction holds the
    /// write lock.
    pub(super) async fn next_seq(&mut self, event: &RunnerEvent) -> Result<u64, PersistError> {
        let select = sqlx::query_scalar(sql::SELECT_NEXT_SEQ.text)
            .bind(&event.ids.command_id)
            .bind(FIRST_OWN_SEQ.cast_signed())
            .fetch_one(&mut *self.connection);
        let next: i64 = self.instruments.execute(self.cx, &sql::SELECT_NEXT_SEQ, select).await?;
        Ok(next.unsigned_abs())
    }

    /// Puts an event into the ledger. False if it is there already.
    pub(super) async fn insert_event(
        &mut self,
        event: &RunnerEvent,
        now_ms: u64,
    ) -> Result<bool, PersistError> {
        let tool_call_id = match event.data() {
            EventData::Stream { stream: StreamData::TextDelta { tool_call_id, .. }, .. } => {
                Some(tool_call_id)
            }
            _ => None,
        };
        let insert = sqlx::query(sql::INSERT_EVENT.text)
            .bind(&event.ids.command_id)
            .bind(event.seq.cast_signed())
            .bind(event.kind().as_str())
            .bind(event.data().as_text())
            .bind(tool_call_id)
            .bind(now_ms.cast_signed())
            .execute(&mut *self.connection);
        let done = self.instruments.execute(self.cx, &sql::INSERT_EVENT, insert).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Makes sure that the session exists, and returns its id: the first event of a command
    /// decides it.
    pub(super) async fn insert_session(
        &mut self,
        event: &RunnerEvent,
        now_ms: u64,
    ) -> Result<String, PersistError> {
        let trace_id = self.cx.span().span_context().trace_id();
        let insert = sqlx::query_scalar(sql::INSERT_SESSION.text)
            .bind(event.session_id())
            .bind(&event.ids.project_id)
            .bind(&event.ids.command_id)
            .bind((trace_id != TraceId::INVALID).then(|| trace_id.to_string()))
            .bind(now_ms.cast_signed())
            .fetch_one(&mut *self.connection);
        self.instruments.execute(self.cx, &sql::INSERT_SESSION, insert).await.map_err(conflict)
    }

    pub(super) async fn insert_todos(
        &mut self,
        session_id: &str,
        todos: &[Todo],
        seq: u64,
    ) -> Result<(), PersistError> {
        let todos: Vec<_> = todos
            .iter()
            .map(|todo| Todo { content: without_nul(&todo.content), ..todo.clone() })
            .collect();
        let insert = sqlx::query(sql::INSERT_TODOS.text)
            .bind(session_id)
            .bind(to_json(&todos))
            .bind(seq.cast_signed())
            .execute(&mut *self.connection);
        self.instruments.execute(self.cx, &sql::INSERT_TODOS, insert).await.map(drop)
    }

    pub(super) async fn insert_tool_input(
        &mut self,
        session_id: &str,
        tool_call_id: &str,
        name: &str,
        input: &Value,
        seq: u64,
    ) -> Result<(), PersistError> {
        let insert = sqlx::query(sql::INSERT_TOOL_INPUT.text)
            .bind(session_id)
            .bind(tool_call_id)
            .bind(without_nul(name))
            .bind(input.to_string())
            .bind(seq.cast_signed())
            .execute(&mut *self.connection);
        self.instruments.execute(self.cx, &sql::INSERT_TOOL_INPUT, insert).await.map(drop)
    }

    /// Adds to the output of a tool call. A text that comes late is put where it belongs.
    pub(super) async fn insert_tool_text(
        &mut self,
        session_id: &str,
        tool_call_id: &str,
        text: &str,
        event: &RunnerEvent,
    ) -> Result<(), PersistError> {
        let insert = sqlx::query_scalar(sql::INSERT_TOOL_TEXT.text)
            .bind(session_id)
            .bind(tool_call_id)
            .bind(without_nul(text))
            .bind(event.seq.cast_signed())
            .bind(-i64::from(MAX_OUTPUT_CHARS))
            .fetch_one(&mut *self.connection);
        let newest: i64 = self.instruments.execute(self.cx, &sql::INSERT_TOOL_TEXT, insert).await?;
        if newest == event.seq.cast_signed() {
            return Ok(());
        }
        self.rebuild_tool_text(session_id, tool_call_id, &event.ids.command_id).await
    }

    pub(super) async fn insert_tool_result(
        &mut self,
        session_id: &str,
        tool_call_id: &str,
        exit_code: Option<i32>,
        is_error: bool,
        seq: u64,
    ) -> Result<(), PersistError> {
        let insert = sqlx::query(sql::INSERT_TOOL_RESULT.text)
            .bind(session_id)
            .bind(tool_call_id)
            .bind(exit_code)
            .bind(if is_error { "failed" } else { "completed" })
            .bind(seq.cast_signed())
            .execute(&mut *self.connection);
        self.instruments.execute(self.cx, &sql::INSERT_TOOL_RESULT, insert).await.map(drop)
    }

    pub(super) async fn update_status(
        &mut self,
        session_id: &str,
        status: &str,
        exit_code: Option<i32>,
        seq: u64,
        now_ms: u64,
    ) -> Result<(), PersistError> {
        let update = sqlx::query(sql::UPDATE_STATUS.text)
            .bind(session_id)
            .bind(status)
            .bind(exit_code)
            .bind(now_ms.cast_signed())
            .bind(seq.cast_signed())
            .execute(&mut *self.connection);
        self.instruments.execute(self.cx, &sql::UPDATE_STATUS, update).await.map(drop)
    }

    /// Reads back what the tables say about a session, and keeps it in the session's row.
    pub(super) async fn refresh_raw_state(
        &mut self,
        session_id: &str,
    ) -> Result<State, PersistError> {
        let todos = sqlx::query_as(sql::SELECT_TODOS.text)
            .bind(session_id)
            .bind(MAX_STATE_TODO_CHARS)
            .bind(MAX_STATE_TODOS)
            .fetch_all(&mut *self.connection);
        let todos = self.instruments.select(self.cx, &sql::SELECT_TODOS, todos).await?;
        let tool_calls = sqlx::query_as(sql::SELECT_TOOL_CALLS.text)
            .bind(session_id)
            .bind(-i64::from(MAX_STATE_OUTPUT_CHARS))
            .bind(MAX_STATE_INPUT_CHARS)
            .bind(MAX_STATE_TOOL_CALLS)
            .fetch_all(&mut *self.connection);
        let mut tool_calls =
            self.instruments.select(self.cx, &sql::SELECT_TOOL_CALLS, tool_calls).await?;
        tool_calls.reverse();
        let raw = RawState { todos, tool_calls };
        let update = sqlx::query_as(sql::UPDATE_RAW_STATE.text)
            .bind(session_id)
            .bind(to_json(&raw))
            .fetch_one(&mut *self.connection);
        let session: Session =
            self.instruments.execute(self.cx, &sql::UPDATE_RAW_STATE, update).await?;
        Ok(State { session: Some(session), raw })
    }

    /// The state of a command's session as it was kept last.
    pub(super) async fn select_state(&mut self, command_id: &str) -> Result<State, PersistError> {
        let statement = &sql::SELECT_SESSION_OF_COMMAND;
        let select =
            sqlx::query_as(statement.text).bind(command_id).fetch_all(&mut *self.connection);
        let mut sessions = self.instruments.select(self.cx, statement, select).await?;
        State::of(sessions.pop())
            .map_err(|source| PersistError::Database { statement: statement.name(), source })
    }

    /// Puts the output of a tool call together again from the ledger, in the order of writing.
    async fn rebuild_tool_text(
        &mut self,
        session_id: &str,
        tool_call_id: &str,
        command_id: &str,
    ) -> Result<(), PersistError> {
        let select = newest_texts(&mut *self.connection, command_id, tool_call_id);
        let mut texts = self.instruments.select(self.cx, &sql::SELECT_TEXTS, select).await?;
        texts.reverse();
        let update = sqlx::query(sql::UPDATE_TOOL_TEXT.text)
            .bind(session_id)
            .bind(tool_call_id)
            .bind(texts.concat())
            .bind(-i64::from(MAX_OUTPUT_CHARS))
            .execute(&mut *self.connection);
        self.instruments.execute(self.cx, &sql::UPDATE_TOOL_TEXT, update).await.map(drop)
    }
}

/// Reads texts, newest first, until they fill what is kept.
async fn newest_texts(
    connection: &mut SqliteConnection,
    command_id: &str,
    tool_call_id: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let mut rows = sqlx::query_scalar::<_, String>(sql::SELECT_TEXTS.text)
        .bind(command_id)
        .bind(tool_call_id)
        .fetch(connection);
    let mut texts = Vec::new();
    let mut chars = 0;
    while chars < MAX_OUTPUT_CHARS as usize
        && let Some(data) = rows.try_next().await?
    {
        if let Ok(StreamData::TextDelta { text, .. }) = StreamData::parse(&data) {
            chars += text.chars().count();
            texts.push(without_nul(&text));
        }
    }
    Ok(texts)
}

/// SQLite ends a text at its first NUL when it measures or cuts it, so the rest would be lost. The
/// ledger has the event as it came.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The command's own row is updated, so a row in the way is another command's session.
fn conflict(error: PersistError) -> PersistError {
    match &error {
        PersistError::Database { source: sqlx::Error::Database(source), .. }
            if source.kind() == ErrorKind::UniqueViolation =>
        {
            PersistError::SessionConflict
        }
        _ => error,
    }
}
