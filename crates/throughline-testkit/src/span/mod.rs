//! Finished spans as plain values.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

mod otlp;

pub use otlp::InvalidSpan;
pub(crate) use otlp::service_of;
#[cfg(feature = "otlp")]
pub(crate) use otlp::{attributes, service_name};

/// One finished span, wherever it came from: the SDK in this process or an OTLP request.
///
/// Both ways give equal records for the same span.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanRecord {
    /// `service.name` of the resource; `unknown_service` if it has none.
    pub service: String,
    /// Name of the instrumentation scope (the tracer).
    pub scope: String,
    /// Name of the span.
    pub name: String,
    /// Role of the span in its trace.
    pub kind: Kind,
    /// Trace id, 32 lower-case hex digits.
    pub trace_id: String,
    /// Span id, 16 lower-case hex digits.
    pub span_id: String,
    /// Span id of the parent, 16 lower-case hex digits; `None` for a root.
    pub parent_span_id: Option<String>,
    /// Start, by the clock of the process that made the span.
    pub start: SystemTime,
    /// End, by the same clock.
    pub end: SystemTime,
    /// Attributes with their values as text. Strings stand as they are, arrays as `["a","b"]`,
    /// bytes as hex digits. Of a key that occurs twice the last value is kept.
    pub attributes: BTreeMap<String, String>,
    /// Outcome.
    pub status: Status,
    /// Events, in the order in which they were added.
    pub events: Vec<EventRecord>,
    /// Links, in the order in which they were added.
    pub links: Vec<LinkRecord>,
    /// `tracestate` of the span's context, empty if there is none.
    pub trace_state: String,
    /// Flags as OTLP has them: the W3C trace flags in the low 8 bits; bit 8 says that bit 9 is
    /// known, bit 9 that the parent is remote.
    pub flags: u32,
}

impl SpanRecord {
    /// A root span without a service, of kind [`Kind::Internal`], that starts and ends at the Unix
    /// epoch. For tests of code that reads records; set the other fields afterwards.
    ///
    /// The ids are kept as they are given.
    pub fn new(
        trace_id: impl Into<String>,
        span_id: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            service: String::new(),
            scope: String::new(),
            name: name.into(),
            kind: Kind::Internal,
            trace_id: trace_id.into(),
            span_id: span_id.into(),
            parent_span_id: None,
            start: SystemTime::UNIX_EPOCH,
            end: SystemTime::UNIX_EPOCH,
            attributes: BTreeMap::new(),
            status: Status::Unset,
            events: Vec::new(),
            links: Vec::new(),
            trace_state: String::new(),
            flags: 0,
        }
    }

    /// Time from start to end; zero if the clock went backwards between them.
    pub fn duration(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }

    /// Value of the attribute `key` as text.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).map(String::as_str)
    }

    /// Whether the span ended with an error.
    pub fn is_error(&self) -> bool {
        matches!(self.status, Status::Error(_))
    }

    /// Whether the sampled bit of the trace flags is set.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// Estimated bytes that this record takes in memory.
    pub(crate) fn size(&self) -> usize {
        let events = self.events.iter().map(|event| {
            size_of::<EventRecord>() + event.name.len() + attributes_size(&event.attributes)
        });
        let links = self
            .links
            .iter()
            .map(|link| size_of::<LinkRecord>() + link.trace_id.len() + link.span_id.len());
        let message = match &self.status {
            Status::Error(message) => message.len(),
            Status::Unset | Status::Ok => 0,
        };
        size_of::<Self>()
            + self.service.len()
            + self.scope.len()
            + self.name.len()
            + self.trace_id.len()
            + self.span_id.len()
            + self.parent_span_id.as_ref().map_or(0, String::len)
            + self.trace_state.len()
            + message
            + attributes_size(&self.attributes)
            + events.sum::<usize>()
            + links.sum::<usize>()
    }
}

/// Role of a span in its trace. Prints as `SERVER`, `CLIENT` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Work inside one service. Spans of an unspecified kind count as this.
    Internal,
    /// Handles a request that a client waits for.
    Server,
    /// Sends a request and waits for its answer.
    Client,
    /// Sends a message without waiting for its handling.
    Producer,
    /// Handles a message.
    Consumer,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "INTERNAL",
            Self::Server => "SERVER",
            Self::Client => "CLIENT",
            Self::Producer => "PRODUCER",
            Self::Consumer => "CONSUMER",
        })
    }
}

/// Outcome of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody said anything, which is the usual state of a success.
    #[default]
    Unset,
    /// Marked as a success.
    Ok,
    /// Failed, with a description that may be empty.
    Error(String),
}

/// Something that happened at one moment of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Name of the event.
    pub name: String,
    /// Moment of the event.
    pub time: SystemTime,
    /// Attributes, as in [`SpanRecord::attributes`].
    pub attributes: BTreeMap<String, String>,
}

/// A span, mostly of another trace, that a span points to without being its child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// Trace id, 32 lower-case hex digits.
    pub trace_id: String,
    /// Span id, 16 lower-case hex digits.
    pub span_id: String,
}

/// Estimated bytes that a map of attributes takes in memory.
pub(crate) fn attributes_size(attributes: &BTreeMap<String, String>) -> usize {
    attributes.iter().map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_zero_if_the_clock_went_backwards() {
        let mut span = SpanRecord::new("t", "s", "work");
        span.start += Duration::from_secs(5);
        assert_eq!(span.duration(), Duration::ZERO);
        span.end += Duration::from_secs(7);
        assert_eq!(span.duration(), Duration::from_secs(2));
    }

    #[test]
    fn kinds_print_in_upper_case_and_obey_a_width() {
        assert_eq!(format!("{:<9}|{}", Kind::Server, Kind::Consumer), "SERVER   |CONSUMER");
    }

    #[test]
    fn size_counts_every_text() {
        let mut span = SpanRecord::new("t", "s", "work");
        let before = span.size();
        span.service = "x".repeat(100);
        span.status = Status::Error("x".repeat(100));
        span.attributes.insert("x".repeat(50), "x".repeat(50));
        span.events.push(EventRecord {
            name: "x".repeat(50),
            time: SystemTime::UNIX_EPOCH,
            attributes: BTreeMap::from([("k".into(), "x".repeat(50))]),
        });
        assert!(span.size() >= before + 400);
    }
}
