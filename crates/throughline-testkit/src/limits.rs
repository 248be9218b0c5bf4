//! Every bound of this crate, with its unit and its reason.
//!
//! The senders are tests and demos, yet a wrong loop in one of them must end in a count of what was
//! dropped, not in a machine without memory.

use std::time::Duration;

/// Spans that one store keeps. A build with a million traced lines still fits; a loop that never
/// ends is stopped here.
pub const MAX_SPANS: usize = 1_000_000;

/// Bytes that the kept spans, or the kept metrics, of one store may take, estimated from the
/// lengths of their texts. The count alone is no bound: one span can be as long as a body.
pub const MAX_KEPT_BYTES: usize = 1 << 30;

/// Metric series that one receiver keeps. An attribute that holds an id makes a series per value;
/// ten thousand is far above what a test looks at.
pub const MAX_SERIES: usize = 10_000;

/// Bytes of one request body. Exporters send 512 spans at a time by default, some 0.5 MiB; the
/// OpenTelemetry collector stops at 20 MiB.
pub const MAX_BODY_BYTES: usize = 8 << 20;

/// Bodies that are read and decoded at the same time; further senders wait. Decoded messages are
/// larger than their bytes, so this bounds the memory that is not counted yet.
pub const MAX_BODIES: usize = 4;

/// Open connections of one receiver. Further ones wait in the listener's queue.
pub const MAX_CONNECTIONS: usize = 128;

/// Time for a request's body to arrive, waiting for its turn included. Exporters give up after
/// 10 seconds by default, so nobody listens to a later answer.
pub const REQUEST_TIME: Duration = Duration::from_secs(10);

/// Time for a request's headers to arrive, counted from the previous answer: an idle connection is
/// closed after it. Twice the 60 seconds between two exports of metrics.
pub const IDLE_TIME: Duration = Duration::from_secs(120);

/// Levels of indentation that a printed tree has. Deeper spans stand at this level and say their
/// depth: the text of a chain of 100,000 spans would else be some 10 GB.
pub const MAX_SHOWN_DEPTH: usize = 64;

/// Lines of the tree that the `Debug` text of a [`Timeout`](crate::Timeout) shows: a panic message
/// has to stay readable.
pub const MAX_SHOWN_LINES: usize = 200;

/// Characters to which a printed tree pads its services. A longer name shifts its own line only.
/// Without the bound each line would grow with the longest name, and the formatter panics at a
/// width of 65,536.
pub const MAX_SERVICE_WIDTH: usize = 32;

/// Leaks that the message of one check lists; the rest is counted. A loop that forgets a guard in
/// every turn is told by its first lines.
pub const MAX_LEAKS: usize = 20;

/// Time for a server that a test starts to take connections. It needs a fraction of a second; a machine
/// under load gets this long.
pub const SERVER_START_TIME: Duration = Duration::from_secs(60);

/// Bytes between the two ends of an in-memory WebSocket that nobody has read yet. A message of a
/// test fits; a sender that nobody listens to waits instead of filling the memory.
pub const PIPE_BYTES: usize = 64 << 10;
