//! One parent from what several formats say (rules BO-1 and BO-2).

use super::Propagator;
use crate::context::{Decision, TraceId, TraceParent};
use crate::propagation::extraction::Notes;
use crate::propagation::received::Single;
use crate::propagation::{Field, Format, Received, Rule, b3, datadog, xray};

impl Propagator {
    /// The parents that the formats beside the two usual ones name, and Datadog's vendor state.
    pub(super) fn parents_from_others(
        &self,
        received: &Received<'_>,
        notes: &mut Notes,
    ) -> ([Found; OTHERS.len()], Option<(TraceParent, String)>) {
        let one =
            |field, parse: fn(&[u8]) -> Result<Option<TraceParent>, Rule>, rule| match received
                .single(field)
            {
                Single::Absent => Ok(None),
                Single::One(value) | Single::Equal(value) => parse(value),
                Single::Different => Err(rule),
            };
        let dd = datadog::parse(received);
        let parents = OTHERS.map(|format| {
            let parsed = match format {
                Format::B3 => one(Field::B3, b3::parse_single, Rule::B3),
                Format::B3Multi => b3::parse_multi(received),
                Format::Datadog => {
                    dd.as_ref().map(|dd| dd.as_ref().map(|dd| dd.0)).map_err(|rule| *rule)
                }
                _ => one(Field::XRay, xray::parse, Rule::XRay),
            };
            let parent = parsed.unwrap_or_else(|rule| {
                notes.refuse(format.main_field(), rule);
                None
            });
            (format, parent)
        });
        (parents, dd.ok().flatten())
    }

    /// One parent from all that were found, in the order in which they win (rules BO-1 and BO-2).
    pub(super) fn combine(&self, parents: &[Found], notes: &mut Notes) -> Option<TraceParent> {
        let of = |wanted| parents.iter().find(|(format, _)| *format == wanted)?.1;
        let winner = of(self.primary).or_else(|| parents.iter().find_map(|(_, parent)| *parent))?;
        for (format, parent) in parents {
            if let Some(parent) = parent
                && !same_trace(Some(*parent), Some(winner))
            {
                notes.link(*parent);
                notes.refuse(format.main_field(), Rule::Bo2);
            }
        }
        let same = |format| of(format).filter(|one| same_trace(Some(*one), Some(winner)));
        let (w3c, sentry) = (same(Format::TraceContext), same(Format::Sentry));
        let decision = decision_of(w3c, sentry).unwrap_or(winner.decision());
        let random = w3c.is_some_and(|w3c| w3c.random());
        let trace_id = whole_id(parents, winner);
        Some(TraceParent::new(trace_id, winner.parent_id(), decision).with_random(random))
    }
}

/// The decision of two headers of one trace (rule BO-1): that of `sentry-trace` if it is explicit,
/// else the flag. A flag has no form for "deferred", so a writer of both headers writes 00, as Sentry's
/// do, and not always with the same span: beside a deferred `sentry-trace`, 00 decides nothing (SE-3).
fn decision_of(w3c: Option<TraceParent>, sentry: Option<TraceParent>) -> Option<Decision> {
    let (w3c, sentry) = (w3c.map(|w3c| w3c.decision()), sentry.map(|sentry| sentry.decision()));
    match (w3c, sentry) {
        (Some(Decision::Sampled), Some(Decision::Deferred)) => w3c,
        _ => sentry.or(w3c),
    }
}

/// A format with ids of 64 bits may win, but must not cut the id that another one brings whole.
fn whole_id(parents: &[Found], winner: TraceParent) -> TraceId {
    if winner.trace_id().to_u128() >> 64 != 0 {
        return winner.trace_id();
    }
    let same = parents.iter().filter_map(|(_, parent)| *parent);
    let same = same.filter(|parent| same_trace(Some(*parent), Some(winner)));
    same.map(|parent| parent.trace_id()).max().unwrap_or(winner.trace_id())
}

/// Whether two headers name the same trace. Formats with ids of 64 bits give the low half.
#[inline]
pub(super) fn same_trace(one: Option<TraceParent>, other: Option<TraceParent>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let (one, other) = (one.trace_id().to_u128(), other.trace_id().to_u128());
    let low = |id: u128| id & u128::from(u64::MAX);
    one == other || ((low(one) == one || low(other) == other) && low(one) == low(other))
}

/// What one format says.
pub(super) type Found = (Format, Option<TraceParent>);

/// The formats that name a trace, beside `traceparent` and `sentry-trace`.
pub(super) const OTHERS: [Format; 4] = [Format::B3, Format::B3Multi, Format::Datadog, Format::XRay];
