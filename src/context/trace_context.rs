use std::sync::Arc;

use super::{Baggage, Decision, SpanId, TraceId, TraceParent, TraceState};

/// Everything that travels with a request: parent, vendor state and baggage.
///
/// The default value is the empty context, with which a new trace starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    parent: Option<TraceParent>,
    state: TraceState,
    baggage: Baggage,
    transaction: Option<Arc<String>>,
    sampling_frozen: bool,
    begun_here: bool,
    own_span: bool,
}

impl TraceContext {
    /// A context without parent: only baggage, or nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A trace that begins here, for who has no SDK to begin it: its ids are drawn at random, and its
    /// parent is a span that nobody records.
    ///
    /// ```
    /// use throughline::context::{Decision, TraceContext};
    ///
    /// let context = TraceContext::begin(Decision::Sampled);
    /// assert!(context.parent().is_some_and(|parent| parent.random()));
    /// ```
    #[must_use]
    pub fn begin(decision: Decision) -> Self {
        let parent = TraceParent::new(TraceId::random(), SpanId::random(), decision);
        Self { parent: Some(parent.with_random(true)), begun_here: true, ..Self::default() }
    }

    /// Where the trace comes from; `None` if a new one starts here.
    #[must_use]
    pub fn parent(&self) -> Option<&TraceParent> {
        self.parent.as_ref()
    }

    /// The sampling decision; `None` if it is deferred or there is no parent.
    #[must_use]
    pub fn sampled(&self) -> Option<bool> {
        self.parent.and_then(|parent| parent.sampled())
    }

    /// What vendors added.
    #[must_use]
    pub fn trace_state(&self) -> &TraceState {
        &self.state
    }

    /// What vendors added, to be edited. It is sent only if there is a parent (rule TS-1).
    pub fn trace_state_mut(&mut self) -> &mut TraceState {
        &mut self.state
    }

    /// What applications added.
    #[must_use]
    pub fn baggage(&self) -> &Baggage {
        &self.baggage
    }

    /// What applications added, to be edited.
    pub fn baggage_mut(&mut self) -> &mut Baggage {
        &mut self.baggage
    }

    /// Whether the dynamic sampling context came in with the trace and must not change any more
    /// (rule SE-4). It may be frozen and empty.
    #[must_use]
    pub fn sampling_frozen(&self) -> bool {
        self.sampling_frozen
    }

    /// Names what begins here, for the dynamic sampling context of a trace that has its head in this
    /// process (rule SE-6): a route like `GET /users/{id}`, never a path with its ids in it.
    #[must_use]
    pub fn with_transaction(self, name: impl Into<String>) -> Self {
        self.with_shared_transaction(Arc::new(name.into()))
    }

    /// Names it with a text that others hold too.
    #[must_use]
    pub(crate) fn with_shared_transaction(self, name: Arc<String>) -> Self {
        Self { transaction: Some(name), ..self }
    }

    /// The name given by [`with_transaction`](Self::with_transaction).
    #[must_use]
    pub fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref().map(String::as_str)
    }

    /// Whether there is nothing to carry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parent.is_none()
            && self.state.is_empty()
            && self.baggage.is_empty()
            && self.transaction.is_none()
    }

    /// The same context, seen from a span of this trace: what the next hop's parent is. Without a
    /// parent there is no trace to be in, and the context stays as it is.
    #[must_use]
    pub fn child(mut self, span: SpanId, decision: Decision) -> Self {
        self.parent = self.parent.map(|parent| parent.child(span, decision));
        self.own_span = self.parent.is_some();
        self
    }

    /// The context of a new trace, seen from its first span, that keeps the application's baggage.
    /// State and dynamic sampling context belong to the old trace and stay behind (rules TS-12, BO-2),
    /// and so does the name of a transaction that was part of one.
    #[must_use]
    pub fn restart(self, parent: TraceParent) -> Self {
        let mut baggage = self.baggage;
        baggage.retain(|member| !member.is_sentry());
        let transaction = self.transaction.filter(|_| self.parent.is_none());
        Self {
            parent: Some(parent),
            baggage,
            transaction,
            begun_here: true,
            own_span: true,
            ..Self::default()
        }
    }

    pub(crate) fn from_parts(
        parent: Option<TraceParent>,
        state: TraceState,
        baggage: Baggage,
        sampling_frozen: bool,
    ) -> Self {
        Self { parent, state, baggage, sampling_frozen, ..Self::default() }
    }

    /// Whether the trace began in this process: nobody before has said anything about its id.
    pub(crate) fn begun_here(&self) -> bool {
        self.begun_here
    }

    /// Whether the parent is a span of this process.
    pub(crate) fn has_own_span(&self) -> bool {
        self.own_span
    }
}

impl From<TraceParent> for TraceContext {
    fn from(parent: TraceParent) -> Self {
        Self { parent: Some(parent), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(trace: u128, span: u64) -> TraceParent {
        let (Some(trace), Some(span)) = (TraceId::from_u128(trace), SpanId::from_u64(span)) else {
            unreachable!("both are chosen above zero")
        };
        TraceParent::new(trace, span, Decision::Deferred)
    }

    #[test]
    fn ts_12_a_restart_clears_state_and_sampling_context_and_keeps_baggage() {
        let context = TraceContext::from_parts(
            Some(parent(1, 1)),
            "a=1".parse().unwrap(),
            "user=7,sentry-sampled=true".parse().unwrap(),
            true,
        );
        let restarted = context.restart(parent(2, 2));
        assert_eq!(restarted.parent(), Some(&parent(2, 2)));
        assert!(restarted.trace_state().is_empty());
        assert_eq!(restarted.baggage().as_str(), "user=7");
        assert!(!restarted.sampling_frozen());
    }

    #[test]
    fn a_deferred_decision_is_a_state_of_its_own() {
        assert_eq!(TraceContext::from(parent(1, 1)).sampled(), None);
        let Some(span) = SpanId::from_u64(5) else { unreachable!("five is above zero") };
        let child = TraceContext::from(parent(1, 1)).child(span, Decision::Sampled);
        assert_eq!(child.sampled(), Some(true));
    }
}
