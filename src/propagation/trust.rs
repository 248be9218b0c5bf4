use super::Extraction;
use crate::context::TraceContext;

/// What a server does with the context of a caller (rules TR-1 and TR-2).
///
/// ```
/// use throughline::propagation::{Propagator, Trust};
///
/// let carrier = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
/// let found = Trust::Restart.apply(Propagator::default().extract(carrier.as_slice()));
/// assert!(found.context.is_empty());
/// assert!(found.link.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Goes on with the caller's trace.
    #[default]
    Continue,
    /// Starts a new trace that links to the caller's: for the public, whose ids, decisions and baggage
    /// nobody vouches for. The sampler sees no parent.
    Restart,
    /// Starts a new trace as if the caller had sent nothing.
    Ignore,
}

impl Trust {
    /// What is left of an extraction. Refusals stay: they are about the bytes, not about trust.
    #[must_use]
    pub fn apply(self, found: Extraction) -> Extraction {
        let link = match self {
            Self::Continue => return found,
            Self::Restart => found.context.parent().copied(),
            Self::Ignore => None,
        };
        Extraction { context: TraceContext::new(), link, ..found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::Propagator;

    fn found() -> Extraction {
        let carrier = [
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            ("tracestate", "a=1"),
            ("baggage", "user=7,no"),
        ];
        Propagator::default().extract(carrier.as_slice())
    }

    #[test]
    fn tr_2_a_restart_keeps_nothing_but_a_link() {
        let parent = found().context.parent().copied();
        let left = Trust::Restart.apply(found());
        assert!(left.context.is_empty());
        assert_eq!((left.link, left.refused.len()), (parent, 1));
    }

    #[test]
    fn tr_1_each_policy_does_what_it_says() {
        assert_eq!(Trust::default().apply(found()).context, found().context);
        let ignored = Trust::Ignore.apply(found());
        assert!(ignored.context.is_empty() && ignored.link.is_none());
    }
}
