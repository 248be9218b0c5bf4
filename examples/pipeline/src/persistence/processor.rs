//! One event, one transaction.

use std::time::Instant;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use sqlx::Connection;
use throughline::otel::ContextExt;

use super::instruments::final_status;
use super::state::State;
use super::writer::Writer;
use super::{PersistError, Persistence, sql};
use crate::event::{EventData, RunnerEvent, StreamData, now_ms};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the database now.
    Stored,
    /// An event with its command and number was there before; nothing has changed.
    Duplicate,
    /// It is a heartbeat, which is not stored.
    Ignored,
}

impl Outcome {
    /// The name that answers and counters use.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
        }
    }
}

impl Persistence {
    /// Stores one event. When this returns [`Outcome::Stored`] or [`Outcome::Duplicate`], the
    /// event is committed and synced to disk.
    ///
    /// The spans hang below the context that is current when the future is first polled. Dropping
    /// the future is safe: what is not committed then is rolled back.
    ///
    /// # Errors
    ///
    /// See [`PersistError`]; nothing of the event is stored then.
    pub(crate) async fn persist(&self, event: &RunnerEvent) -> Result<Outcome, PersistError> {
        if !event.kind().is_traced() {
            return Ok(Outcome::Ignored);
        }
        let started = Instant::now();
        let cx = self.instruments.start_event(&Context::current(), event);
        let result = self.transact(&cx, event).await;
        self.instruments.end_event(&cx, event, started.elapsed(), &result);
        result
    }

    /// The raw state is refreshed inside the transaction: it then always agrees with the rows, and
    /// an event costs one sync to disk instead of two.
    async fn transact(&self, cx: &Context, event: &RunnerEvent) -> Result<Outcome, PersistError> {
        let mut connection = self.store.writer().await.map_err(|source| {
            PersistError::Database { statement: "connection".to_owned(), source }
        })?;
        let begin = connection.begin_with(sql::BEGIN.text);
        let mut transaction = self.instruments.execute(cx, &sql::BEGIN, begin).await?;
        let mut writer =
            Writer { connection: &mut transaction, instruments: &self.instruments, cx };

        let numbered;
        let event = if event.seq == 0 {
            numbered = event.numbered(writer.next_seq(event).await?);
            &numbered
        } else {
            event
        };
        let (outcome, state) = if writer.insert_event(event, now_ms()).await? {
            let session_id = writer.insert_session(event, now_ms()).await?;
            apply(&mut writer, &session_id, event).await?;
            (Outcome::Stored, writer.refresh_raw_state(&session_id).await?)
        } else {
            // The first attempt may have been cut off between its commit and its broadcast, so
            // the pages hear of a duplicate too.
            (Outcome::Duplicate, writer.select_state(&event.ids.command_id).await?)
        };

        self.instruments.execute(cx, &sql::COMMIT, transaction.commit()).await?;
        // The connection is still held, so that states go out in the order of the commits.
        self.broadcast(cx, &state);
        drop(connection);
        Ok(outcome)
    }

    fn broadcast(&self, cx: &Context, state: &State) {
        let cx = self.instruments.start_broadcast(cx, self.hub.subscribers());
        let envelope = &self.instruments.envelope;
        self.hub.send(state, |json| envelope.inject(&json, &cx.trace_context()).into_owned());
        cx.span().end();
    }
}

/// What an event changes beside the ledger.
async fn apply(
    writer: &mut Writer<'_>,
    session_id: &str,
    event: &RunnerEvent,
) -> Result<(), PersistError> {
    match event.data() {
        EventData::Stream { stream, .. } => match stream {
            StreamData::TodoWrite { todos } => {
                writer.insert_todos(session_id, todos, event.seq).await
            }
            StreamData::ToolInput { tool_call_id, tool_name, input } => {
                writer
                    .insert_tool_input(session_id, tool_call_id, tool_name, input, event.seq)
                    .await
            }
            StreamData::TextDelta { tool_call_id, text, .. } => {
                writer.insert_tool_text(session_id, tool_call_id, text, event).await
            }
            StreamData::ToolOutput { tool_call_id, exit_code, is_error } => {
                writer
                    .insert_tool_result(session_id, tool_call_id, *exit_code, *is_error, event.seq)
                    .await
            }
            StreamData::Other(_) => Ok(()),
        },
        EventData::Exit { exit_code, .. } => match final_status(event.kind()) {
            Some(status) => {
                writer.update_status(session_id, status, *exit_code, event.seq, now_ms()).await
            }
            None => Ok(()),
        },
        EventData::Json(_) => Ok(()),
    }
}
