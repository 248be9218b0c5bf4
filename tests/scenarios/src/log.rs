//! What happened, in its order.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conformance::Parent;

/// What happened, in its order; clones are the same.
#[derive(Clone, Debug)]
pub struct Log {
    events: Arc<Mutex<Vec<Event>>>,
    keeps: bool,
}

#[derive(Clone, Debug)]
enum Event {
    Span(EndedSpan),
    Mark(&'static str),
}

impl Log {
    pub(crate) fn new(keeps: bool) -> Self {
        Self { events: Arc::default(), keeps }
    }

    /// A span has ended. It is not even looked at where allocations are counted.
    pub fn span_ended(&self, span: impl FnOnce() -> EndedSpan) {
        if self.keeps {
            let span = span();
            self.events().push(Event::Span(span));
        }
    }

    pub(crate) fn mark(&self, what: &'static str) {
        self.events().push(Event::Mark(what));
    }

    pub(crate) fn clear(&self) {
        self.events().clear();
    }

    pub(crate) fn spans(&self) -> Vec<EndedSpan> {
        let span = |event: &Event| match event {
            Event::Span(span) => Some(span.clone()),
            Event::Mark(_) => None,
        };
        self.events().iter().filter_map(span).collect()
    }

    /// Whether the first span ended behind a mark; none if no span has ended.
    pub(crate) fn span_ended_behind(&self, mark: &str) -> Option<bool> {
        let events = self.events();
        let span = events.iter().position(|event| matches!(event, Event::Span(_)))?;
        Some(events[..span].iter().any(|event| matches!(event, Event::Mark(m) if *m == mark)))
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A span as it went to its exporter.
#[derive(Clone, Debug)]
pub struct EndedSpan {
    /// How it says that the request came out.
    pub outcome: Outcome,
    /// Whom it continues.
    pub parent: Option<Parent>,
    /// All that is exported, in any form, to be searched.
    pub text: String,
}

/// How a request came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The span says nothing of it.
    Unset,
    /// It says that all went well.
    Ok,
    /// It says that something failed, and what, if it does.
    Failed(Option<String>),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Ok => f.write_str("ok"),
            Self::Failed(None) => f.write_str("error"),
            Self::Failed(Some(what)) => write!(f, "error ({what})"),
        }
    }
}
