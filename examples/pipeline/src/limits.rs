//! Every bound of the pipeline: its unit, and why it has this size.

use std::time::Duration;

/// Longest text of one event, in bytes, with the trace context that travels inside it.
///
/// A line of a build is far below it; the bound keeps one sender from filling a receiver's memory.
pub(crate) const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// Longest id of a project, command, session, todo or tool call, in characters.
///
/// Ids are repeated in every row and span attribute; a UUID with a prefix takes about 50.
pub(crate) const MAX_ID_CHARS: usize = 128;

/// Numbers that a sender may give its events lie below this one. Events without a number get theirs
/// from here on, so that neither takes the other's place; 2^48 events of one command are never sent.
pub(crate) const FIRST_OWN_SEQ: u64 = 1 << 48;

/// Longest inner type that becomes part of a span name, in bytes.
///
/// A sender chooses the inner type, and backends index span names.
pub(crate) const MAX_INNER_TYPE_BYTES: usize = 64;

/// Output kept per tool call, in characters: the end of it, since that says why a build failed.
///
/// What is cut off stays in the ledger of events and is counted in `output_chars`.
pub(crate) const MAX_OUTPUT_CHARS: u32 = 256 * 1024;

/// Tool calls in the state that subscribers receive: the newest ones.
///
/// This and the four limits below bound a state to some 400,000 characters.
pub(crate) const MAX_STATE_TOOL_CALLS: u32 = 32;

/// Output of one tool call in the state, in characters: the end of it.
pub(crate) const MAX_STATE_OUTPUT_CHARS: u32 = 8 * 1024;

/// Input of one tool call in the state, in characters: the start of it.
pub(crate) const MAX_STATE_INPUT_CHARS: u32 = 1024;

/// Todos in the state: the first ones in the order of the plan.
pub(crate) const MAX_STATE_TODOS: u32 = 200;

/// Text of one todo in the state, in characters: the start of it.
pub(crate) const MAX_STATE_TODO_CHARS: u32 = 500;

/// States that wait for a slow subscriber before it gets a fresh snapshot instead.
///
/// Each state replaces the one before it, so a longer queue would hold memory and gain nothing.
pub(crate) const BROADCAST_CAPACITY: usize = 16;

/// Web pages that follow at the same time; each holds a socket and a task.
pub(crate) const MAX_SUBSCRIBERS: usize = 256;

/// Longest message that a web page may send, in bytes. Pages have nothing to say.
pub(crate) const MAX_SUBSCRIBER_MESSAGE_BYTES: usize = 4 * 1024;

/// Longest export of a web page, in bytes. Browsers let a page that goes away send as much.
pub(crate) const MAX_PAGE_EXPORT_BYTES: usize = 64 * 1024;

/// Exports of web pages that are on their way to the collector; a page drops what finds no place.
pub(crate) const MAX_PAGE_EXPORTS: usize = 8;

/// Time for the collector to take an export of a web page.
pub(crate) const PAGE_EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time a subscriber has to take one state; one that stopped reading is let go.
pub(crate) const SUBSCRIBER_SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Time to wait for a connection or a lock of the database before an event fails.
///
/// Shorter than the time after which a sender gives up, so that it hears the reason.
pub(crate) const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait before the second attempt at something.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(100);

/// Longest wait between two attempts: a service that is back is found within seconds.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Time from the signal to stop until what is still under way is cut off.
pub(crate) const DRAIN: Duration = Duration::from_secs(5);

/// Time to export what is left when a service ends.
pub(crate) const TELEMETRY_FLUSH: Duration = Duration::from_secs(5);

/// Time for one attempt to post an event, connection included.
///
/// Longer than [`DATABASE_TIMEOUT`], so that the reason arrives instead of a timeout.
pub(crate) const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of events that wait in the stream for persistence. When it is full, the API takes no more:
/// a runner's outbox then fills and slows its build.
pub(crate) const STREAM_BYTES: i64 = 256 * 1024 * 1024;

/// Time after which the stream drops an event that persistence has not taken. Far above any outage
/// that somebody means to mend.
pub(crate) const STREAM_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Time in which the stream knows an event that is sent again. The ledger of events knows it for ever,
/// so this saves work only; a runner gives up sooner, see [`RUNNER_DRAIN`].
pub(crate) const STREAM_RESENT: Duration = Duration::from_secs(2 * 60);

/// Time for the NATS server to answer. Shorter than [`POST_TIMEOUT`], so that the reason arrives.
pub(crate) const STREAM_TIMEOUT: Duration = Duration::from_secs(5);

/// Messages that wait in a service while the NATS server is away.
pub(crate) const STREAM_QUEUE: usize = 64;

/// Time after which an event that was delivered and not acknowledged is delivered again. Above what a
/// commit takes, with [`DATABASE_TIMEOUT`]; after a kill, one event waits as long.
pub(crate) const STREAM_ACK_WAIT: Duration = Duration::from_secs(10);

/// Deliveries of one event before it is given up, with at most [`STREAM_RETRY_MAX`] between them: a
/// database may be away for eight hours. An event that ends the process each time does so for 80
/// minutes.
pub(crate) const STREAM_DELIVERIES: i64 = 500;

/// Longest wait before an event is delivered again.
pub(crate) const STREAM_RETRY_MAX: Duration = Duration::from_secs(60);

/// Time that one request for an event waits at the NATS server.
pub(crate) const STREAM_PULL: Duration = Duration::from_secs(30);

/// Time between two signs that a request for an event is still known. After twice as long without one,
/// it is made anew.
pub(crate) const STREAM_HEARTBEAT: Duration = Duration::from_secs(5);

/// Longest answer that is read from a service, in bytes. Answers are one line of JSON.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Longest message that a broker takes from a runner, in bytes.
///
/// An event over [`MAX_EVENT_BYTES`] must get in to be refused by name; this bounds how far.
pub(crate) const MAX_RUNNER_MESSAGE_BYTES: usize = 4 * MAX_EVENT_BYTES;

/// Longest message that a runner takes from a broker, in bytes.
pub(crate) const MAX_BROKER_MESSAGE_BYTES: usize = 64 * 1024;

/// Events of one runner that wait in the broker. A longer queue would hide from the runner that
/// nothing moves.
pub(crate) const BROKER_QUEUE: usize = 64;

/// Runners that wait for commands at one broker.
pub(crate) const MAX_WAITING_RUNNERS: usize = 256;

/// Events that a runner keeps until they are acknowledged. When it is full, the command's output is
/// not read until there is room: a slow database slows the build instead of losing its events.
pub(crate) const OUTBOX_EVENTS: usize = 1000;

/// Bytes of events that a runner keeps until they are acknowledged.
pub(crate) const OUTBOX_BYTES: usize = 8 * MAX_EVENT_BYTES;

/// Longest line of a command's output that becomes one event, in bytes; a longer one becomes several.
pub(crate) const MAX_LINE_BYTES: usize = 64 * 1024;

/// Lines of a command's output that wait to become events.
pub(crate) const LINE_QUEUE: usize = 64;

/// Todos that the lines of commands can add to a plan.
pub(crate) const MAX_TODOS: usize = 200;

/// Characters of a todo's text.
pub(crate) const MAX_TODO_CHARS: usize = 500;

/// Time between two heartbeats of a runner.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(10);

/// Time for the handshake with a broker.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that a runner waits for another acknowledgement after its build has ended.
///
/// Long enough for a broker, an API or a database to be restarted.
pub(crate) const RUNNER_DRAIN: Duration = Duration::from_secs(60);

/// Time that a runner waits for acknowledgements after it was told to stop.
pub(crate) const RUNNER_STOP: Duration = Duration::from_secs(10);

/// Builds that wait in a runner for the one that runs.
pub(crate) const COMMAND_QUEUE: usize = 4;

/// Events that have gone all the way before the demo kills a service. More than a command without
/// output has (7), so that such a command always ends before the kill.
pub(crate) const DEMO_KILL_AFTER: usize = 10;
