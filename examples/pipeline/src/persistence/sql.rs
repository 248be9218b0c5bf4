//! Every statement that an event or a page executes, with the name of its span.
//!
//! Values are bound, never written into the text, so the text can stand in `db.query.text`.

/// One statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// First word of it, for `db.operation.name`.
    pub(super) operation: &'static str,
    /// Its table, for `db.collection.name`.
    pub(super) collection: Option<&'static str>,
    /// What the database executes, for `db.query.text`.
    pub(super) text: &'static str,
}

impl Statement {
    const fn on(operation: &'static str, collection: &'static str, text: &'static str) -> Self {
        Self { operation, collection: Some(collection), text }
    }

    const fn bare(operation: &'static str, text: &'static str) -> Self {
        Self { operation, collection: None, text }
    }

    /// The name of the span.
    pub(super) fn name(&self) -> String {
        match self.collection {
            Some(collection) => format!("{} {collection}", self.operation),
            None => self.operation.to_owned(),
        }
    }
}

/// Takes the write lock at once: a lock that is upgraded later fails without waiting.
pub(super) const BEGIN: Statement = Statement::bare("BEGIN", "BEGIN IMMEDIATE");

pub(super) const COMMIT: Statement = Statement::bare("COMMIT", "COMMIT");

/// The number for an event that has none.
pub(super) const SELECT_NEXT_SEQ: Statement = Statement::on(
    "SELECT",
    "generation_events",
    "SELECT COALESCE(MAX(seq) + 1, ?2) FROM generation_events WHERE command_id = ?1 AND seq >= ?2",
);

/// No row is affected if the event has been taken before.
pub(super) const INSERT_EVENT: Statement = Statement::on(
    "INSERT",
    "generation_events",
    "INSERT INTO generation_events \
     (command_id, seq, type, data, tool_call_id, received_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (command_id, seq) DO NOTHING",
);

/// Updates instead of doing nothing, since only a changed row is returned.
pub(super) const INSERT_SESSION: Statement = Statement::on(
    "INSERT",
    "generation_sessions",
    "INSERT INTO generation_sessions \
     (id, project_id, command_id, trace_id, created_at_ms, updated_at_ms) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
     ON CONFLICT (command_id) DO UPDATE SET \
     updated_at_ms = max(updated_at_ms, excluded.updated_at_ms) \
     RETURNING id",
);

/// All todos of one event, from a JSON array.
pub(super) const INSERT_TODOS: Statement = Statement::on(
    "INSERT",
    "generation_todos",
    "INSERT INTO generation_todos (session_id, todo_id, position, content, status, seq) \
     SELECT ?1, value ->> 'id', key, value ->> 'content', value ->> 'status', ?3 \
     FROM json_each(?2) WHERE true \
     ON CONFLICT (session_id, todo_id) DO UPDATE SET position = excluded.position, \
     content = excluded.content, status = excluded.status, seq = excluded.seq \
     WHERE excluded.seq >= generation_todos.seq",
);

pub(super) const INSERT_TOOL_INPUT: Statement = Statement::on(
    "INSERT",
    "generation_tool_calls",
    "INSERT INTO generation_tool_calls \
     (session_id, tool_call_id, name, input, seq, first_seq, input_seq) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5) \
     ON CONFLICT (session_id, tool_call_id) DO UPDATE SET name = excluded.name, \
     input = excluded.input, input_seq = excluded.input_seq, seq = max(seq, excluded.seq), \
     first_seq = min(first_seq, excluded.first_seq) \
     WHERE excluded.input_seq > generation_tool_calls.input_seq",
);

/// `?5` is the negative number of characters to keep: counted from the end.
pub(super) const INSERT_TOOL_TEXT: Statement = Statement::on(
    "INSERT",
    "generation_tool_calls",
    "INSERT INTO generation_tool_calls \
     (session_id, tool_call_id, output, output_chars, seq, first_seq, output_seq) \
     VALUES (?1, ?2, substr(?3, ?5), length(?3), ?4, ?4, ?4) \
     ON CONFLICT (session_id, tool_call_id) DO UPDATE SET \
     output = substr(output || excluded.output, ?5), \
     output_chars = output_chars + excluded.output_chars, \
     output_seq = max(output_seq, excluded.output_seq), seq = max(seq, excluded.seq), \
     first_seq = min(first_seq, excluded.first_seq) \
     RETURNING output_seq",
);

pub(super) const INSERT_TOOL_RESULT: Statement = Statement::on(
    "INSERT",
    "generation_tool_calls",
    "INSERT INTO generation_tool_calls \
     (session_id, tool_call_id, exit_code, state, seq, first_seq, result_seq) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5) \
     ON CONFLICT (session_id, tool_call_id) DO UPDATE SET exit_code = excluded.exit_code, \
     state = excluded.state, result_seq = excluded.result_seq, seq = max(seq, excluded.seq), \
     first_seq = min(first_seq, excluded.first_seq) \
     WHERE excluded.result_seq > generation_tool_calls.result_seq",
);

/// What a tool call wrote, newest first.
pub(super) const SELECT_TEXTS: Statement = Statement::on(
    "SELECT",
    "generation_events",
    "SELECT data FROM generation_events \
     WHERE command_id = ?1 AND type = 'build-stream' AND tool_call_id = ?2 ORDER BY seq DESC",
);

pub(super) const UPDATE_TOOL_TEXT: Statement = Statement::on(
    "UPDATE",
    "generation_tool_calls",
    "UPDATE generation_tool_calls SET output = substr(?3, ?4) \
     WHERE session_id = ?1 AND tool_call_id = ?2",
);

/// A final event that is older than the one that set the status changes nothing.
pub(super) const UPDATE_STATUS: Statement = Statement::on(
    "UPDATE",
    "generation_sessions",
    "UPDATE generation_sessions \
     SET status = ?2, exit_code = ?3, finished_at_ms = ?4, final_seq = ?5 \
     WHERE id = ?1 AND final_seq < ?5",
);

pub(super) const SELECT_TODOS: Statement = Statement::on(
    "SELECT",
    "generation_todos",
    "SELECT todo_id AS id, substr(content, 1, ?2) AS content, status FROM generation_todos \
     WHERE session_id = ?1 ORDER BY position, todo_id LIMIT ?3",
);

/// The newest tool calls, newest first; `?2` is negative, as above.
pub(super) const SELECT_TOOL_CALLS: Statement = Statement::on(
    "SELECT",
    "generation_tool_calls",
    "SELECT tool_call_id AS id, name, substr(input, 1, ?3) AS input, \
     substr(output, ?2) AS output, output_chars - length(substr(output, ?2)) AS omitted_chars, \
     exit_code, state FROM generation_tool_calls \
     WHERE session_id = ?1 ORDER BY first_seq DESC LIMIT ?4",
);

pub(super) const UPDATE_RAW_STATE: Statement = Statement::on(
    "UPDATE",
    "generation_sessions",
    "UPDATE generation_sessions SET raw_state = ?2 WHERE id = ?1 \
     RETURNING id, project_id, command_id, status, exit_code, trace_id, created_at_ms, \
     updated_at_ms, finished_at_ms, raw_state",
);

pub(super) const SELECT_SESSION_OF_COMMAND: Statement = Statement::on(
    "SELECT",
    "generation_sessions",
    "SELECT id, project_id, command_id, status, exit_code, trace_id, created_at_ms, \
     updated_at_ms, finished_at_ms, raw_state FROM generation_sessions WHERE command_id = ?1",
);

/// One session, or the newest one if `?1` is null.
pub(super) const SELECT_SESSION: Statement = Statement::on(
    "SELECT",
    "generation_sessions",
    "SELECT id, project_id, command_id, status, exit_code, trace_id, created_at_ms, \
     updated_at_ms, finished_at_ms, raw_state FROM generation_sessions \
     WHERE ?1 IS NULL OR id = ?1 ORDER BY created_at_ms DESC, rowid DESC LIMIT 1",
);
