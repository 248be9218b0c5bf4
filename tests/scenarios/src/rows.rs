//! The questions, in the order of the page.

use std::fmt;

use axum::BoxError;

use crate::questions::{self, Answer, Asked};

/// A question, and how the right answer looks.
pub struct Row {
    /// The head of the row.
    pub title: &'static str,
    /// What is asked, and why, in a sentence.
    pub asked: &'static str,
    ask: fn(&Asked) -> Answer,
    right: fn(&str) -> bool,
}

impl Row {
    /// What was seen.
    ///
    /// # Errors
    /// If nothing could be seen.
    pub fn ask(&self, subject: &Asked) -> Result<String, BoxError> {
        (self.ask)(subject)
    }

    /// Whether the answer is the right one.
    #[must_use]
    pub fn is_right(&self, answer: &str) -> bool {
        (self.right)(answer)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("title", &self.title).finish_non_exhaustive()
    }
}

/// What a question asks; the same of everybody.
pub const ROWS: &[Row] = &[
    Row {
        title: "Trace Context, cases right",
        asked: "The cases of the wire vectors that the W3C's specification decides, as requests \
                through the layer to a handler that writes the headers of the next one, by the \
                propagator that the layer's documentation names; [peers.md](peers.md) has them rule \
                by rule, for the propagators alone.",
        ask: questions::trace_context::cases_right,
        right: |answer| answer.split_once(" of ").is_some_and(|(right, all)| right == all),
    },
    Row {
        title: "future dropped",
        asked: "What the span says after a timeout has dropped the request's future, and what \
                `http.server.active_requests` counts then.",
        ask: questions::lifecycle::dropped,
        right: says_error_and_leaks_nothing,
    },
    Row {
        title: "handler panics",
        asked: "The same, after a panic that somebody outside of the layer catches.",
        ask: questions::lifecycle::panics,
        right: says_error_and_leaks_nothing,
    },
    Row {
        title: "body fails after a 200",
        asked: "Whether the span says that the response broke off behind its first frame.",
        ask: questions::body::fails,
        right: |answer| answer.starts_with("error"),
    },
    Row {
        title: "streamed body",
        asked: "Whether the span lasts until the last frame: if not, its duration is that of the \
                headers.",
        ask: questions::body::streamed,
        right: |answer| answer == "covers the body",
    },
    Row {
        title: "task outlives the response",
        asked: "When the span ends if the handler leaves a task behind that keeps its context, for \
                spans and log lines of its own.",
        ask: questions::context::task,
        right: |answer| answer == "ends with the response",
    },
    Row {
        title: "`call` sees the trace",
        asked: "Whether the trace is current in the inner service's `call`, where the middleware \
                inside does its work, and not only when its future is polled.",
        ask: questions::context::call,
        right: |answer| answer == "yes",
    },
    Row {
        title: "`authorization` exported",
        asked: "Whether the caller's token stands in the span that is exported.",
        ask: questions::attributes::authorization,
        right: |answer| answer == "no",
    },
    Row {
        title: "`on_upgrade` sees the trace",
        asked: "Whether the trace is current on the upgraded connection of axum: by \
                `on_upgrade_in_context` of this library, by axum's own `on_upgrade` elsewhere: the \
                others leave it to the application.",
        ask: questions::context::upgrade,
        right: |answer| answer == "yes",
    },
    Row {
        title: "allocations",
        asked: "Heap allocations of a request with eight usual headers and one of its caller, above \
                those of a service that does nothing: sampled / unsampled, spans alone, dropped \
                where they would be exported.",
        ask: questions::allocations::allocations,
        right: |_| true,
    },
];

/// Not to count is no error; to count wrong is.
fn says_error_and_leaks_nothing(answer: &str) -> bool {
    answer.starts_with("error") && (answer.ends_with("gauge 0") || answer.ends_with("no gauge"))
}
