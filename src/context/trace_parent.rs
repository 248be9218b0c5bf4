use super::{SpanId, TraceId};

/// Whether the spans of a trace are kept.
///
/// Three states, because a head may leave the decision to somebody further down
/// (`sentry-trace` without its third field, rule SE-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nobody has decided yet.
    Deferred,
    /// The spans are dropped; the context still travels.
    NotSampled,
    /// The spans are kept.
    Sampled,
}

impl Decision {
    /// `None` while the decision is deferred.
    #[must_use]
    pub const fn sampled(self) -> Option<bool> {
        match self {
            Self::Deferred => None,
            Self::NotSampled => Some(false),
            Self::Sampled => Some(true),
        }
    }
}

impl From<bool> for Decision {
    fn from(sampled: bool) -> Self {
        if sampled { Self::Sampled } else { Self::NotSampled }
    }
}

/// Which span of which trace comes before this one, and what was decided about sampling.
///
/// The value behind both `traceparent` and `sentry-trace`.
///
/// ```
/// use throughline::context::{Decision, SpanId, TraceId, TraceParent};
///
/// let trace_id = TraceId::from_u128(7).unwrap();
/// let parent = TraceParent::new(trace_id, SpanId::from_u64(9).unwrap(), Decision::Sampled);
/// assert_eq!(parent.to_string(), "00-00000000000000000000000000000007-0000000000000009-01");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: TraceId,
    parent_id: SpanId,
    decision: Decision,
    random: bool,
}

impl TraceParent {
    /// A parent whose trace id is not known to be random.
    #[must_use]
    pub const fn new(trace_id: TraceId, parent_id: SpanId, decision: Decision) -> Self {
        Self { trace_id, parent_id, decision, random: false }
    }

    /// The trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span that a new span would be a child of.
    #[must_use]
    pub const fn parent_id(&self) -> SpanId {
        self.parent_id
    }

    /// The sampling decision.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        self.decision
    }

    /// The sampling decision as an option: `None` while it is deferred.
    #[must_use]
    pub const fn sampled(&self) -> Option<bool> {
        self.decision.sampled()
    }

    /// Whether the low 56 bits of the trace id are known to be random
    /// ([flag 0x02](https://www.w3.org/TR/trace-context-2/#random-trace-id-flag), rule TP-6).
    #[must_use]
    pub const fn random(&self) -> bool {
        self.random
    }

    /// The same trace, seen from another span. The decision may change only here, together with the
    /// span (rule TP-8).
    #[must_use]
    pub const fn child(self, span: SpanId, decision: Decision) -> Self {
        Self { parent_id: span, decision, ..self }
    }

    /// The same parent, with the random bit set or cleared.
    #[must_use]
    pub const fn with_random(self, random: bool) -> Self {
        Self { random, ..self }
    }
}
