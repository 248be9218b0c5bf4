use super::{Field, ParseError, Rule};
use crate::context::{TraceContext, TraceParent};
use crate::limits;

/// What [`Propagator::extract`](super::Propagator::extract) found.
///
/// It starts from an empty base: no field means no context, never the ambient one (rule BO-4).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Extraction {
    /// What was received, as far as it was valid.
    pub context: TraceContext,
    /// What was left out and why, at most 16 entries.
    pub refused: Vec<ParseError>,
    /// The parent that a second trace header names, if it is of another trace (rule BO-2): a span
    /// that starts here should link to it.
    pub link: Option<TraceParent>,
}

/// What an extraction notes on its way to a context.
#[derive(Debug, Default)]
pub(super) struct Notes {
    refused: Vec<ParseError>,
    link: Option<TraceParent>,
}

impl Notes {
    pub(super) fn refuse(&mut self, field: Field, rule: Rule) {
        if self.refused.len() < limits::REFUSALS {
            self.refused.push(ParseError::new(field, rule));
        }
    }

    /// Only the first is kept.
    pub(super) fn link(&mut self, parent: TraceParent) {
        self.link.get_or_insert(parent);
    }

    pub(super) fn with(self, context: TraceContext) -> Extraction {
        Extraction { context, refused: self.refused, link: self.link }
    }
}
