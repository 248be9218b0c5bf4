//! The headers that a peer can claim.

/// A header that carries a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `traceparent`
    TraceParent,
    /// `tracestate`
    TraceState,
    /// `baggage`
    Baggage,
    /// `sentry-trace`
    SentryTrace,
}

impl Header {
    /// The header of a name in any case; none if it is none of these.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "traceparent" => Some(Self::TraceParent),
            "tracestate" => Some(Self::TraceState),
            "baggage" => Some(Self::Baggage),
            "sentry-trace" => Some(Self::SentryTrace),
            _ => None,
        }
    }
}
