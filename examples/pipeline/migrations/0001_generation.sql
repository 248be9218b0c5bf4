-- One build: created by the first event of its command, ended by build-completed or build-failed.
CREATE TABLE generation_sessions (
    id             TEXT    NOT NULL PRIMARY KEY,
    project_id     TEXT    NOT NULL,
    command_id     TEXT    NOT NULL UNIQUE,
    status         TEXT    NOT NULL DEFAULT 'running'
                           CHECK (status IN ('running', 'completed', 'failed')),
    exit_code      INTEGER,
    trace_id       TEXT,
    -- What subscribers see: {"todos": [...], "toolCalls": [...]}, refreshed with every event.
    raw_state      TEXT,
    -- The event that set the status; an older one that comes late changes nothing.
    final_seq      INTEGER NOT NULL DEFAULT 0,
    created_at_ms  INTEGER NOT NULL,
    updated_at_ms  INTEGER NOT NULL,
    finished_at_ms INTEGER
);

CREATE INDEX generation_sessions_created ON generation_sessions (created_at_ms);

CREATE TABLE generation_todos (
    session_id TEXT    NOT NULL REFERENCES generation_sessions (id) ON DELETE CASCADE,
    todo_id    TEXT    NOT NULL,
    position   INTEGER NOT NULL,
    content    TEXT    NOT NULL,
    status     TEXT    NOT NULL
                       CHECK (status IN ('pending', 'in_progress', 'completed', 'failed')),
    -- The event that wrote this row last.
    seq        INTEGER NOT NULL,
    PRIMARY KEY (session_id, todo_id)
);

CREATE TABLE generation_tool_calls (
    session_id   TEXT    NOT NULL REFERENCES generation_sessions (id) ON DELETE CASCADE,
    tool_call_id TEXT    NOT NULL,
    name         TEXT    NOT NULL DEFAULT '',
    input        TEXT,
    -- The end of the output, bounded; output_chars counts all of it.
    output       TEXT    NOT NULL DEFAULT '',
    output_chars INTEGER NOT NULL DEFAULT 0,
    exit_code    INTEGER,
    state        TEXT    NOT NULL DEFAULT 'running'
                         CHECK (state IN ('running', 'completed', 'failed')),
    -- Newest event of the tool call, and the oldest, which gives the tool calls their order.
    seq          INTEGER NOT NULL,
    first_seq    INTEGER NOT NULL,
    -- Newest event per part, so that a late event undoes no part that a newer one has written.
    input_seq    INTEGER NOT NULL DEFAULT 0,
    output_seq   INTEGER NOT NULL DEFAULT 0,
    result_seq   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (session_id, tool_call_id)
);

CREATE INDEX generation_tool_calls_order ON generation_tool_calls (session_id, first_seq);

-- The ledger: a row here means that the event has been taken, so a resent one is a duplicate.
CREATE TABLE generation_events (
    command_id     TEXT    NOT NULL REFERENCES generation_sessions (command_id)
                           ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    seq            INTEGER NOT NULL,
    type           TEXT    NOT NULL,
    -- As it came: for build-stream the JSON text inside the string.
    data           TEXT    NOT NULL,
    -- Set for the output of a tool call only.
    tool_call_id   TEXT,
    received_at_ms INTEGER NOT NULL,
    PRIMARY KEY (command_id, seq)
);
