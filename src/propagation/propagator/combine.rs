//! One parent from what several formats say (rules BO-1 and BO-2).

use super::Propagator;
use crate::context::{Decision, TraceId, TraceParent};
use crate::propagation::extraction::Notes;
use crate::propagation::received::Single;
use crate::propagation::{Field, Format, Received, Rule, b3, datadog, grpc_trace_bin, xray};

impl Propagator {
    /// The one parent, and what Datadog's headers say of the same trace beside it.
    pub(super) fn parent_in(
        &self,
        w3c: Option<TraceParent>,
        sentry: Option<TraceParent>,
        received: &Received<'_>,
        notes: &mut Notes,
    ) -> (Option<TraceParent>, Option<String>) {
        let usual = [(Format::TraceContext, w3c), (Format::Sentry, sentry)];
        if self.accept.has_others() {
            self.parent_of_any(usual, received, notes)
        } else if w3c.is_some() && sentry.is_some() {
            (self.combine(&usual, notes), None)
        } else {
            (w3c.or(sentry), None)
        }
    }

    #[cold]
    fn parent_of_any(
        &self,
        [w3c, sentry]: [Found; 2],
        received: &Received<'_>,
        notes: &mut Notes,
    ) -> (Option<TraceParent>, Option<String>) {
        let ([b3, multi, datadog, xray, grpc], member) = parents_from_others(received, notes);
        let mut parents = [w3c, sentry, b3, multi, datadog, xray, grpc];
        lengthen(&mut parents);
        let parent = self.combine(&parents, notes);
        let of = parents.iter().find(|(format, _)| *format == Format::Datadog);
        (parent, member.filter(|_| of.is_some_and(|(_, of)| same_trace(*of, parent))))
    }

    /// One parent from all that were found, in the order in which they win (rules BO-1 and BO-2).
    fn combine(&self, parents: &[Found], notes: &mut Notes) -> Option<TraceParent> {
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
        let (trace_id, parent_id) = (winner.trace_id(), winner.parent_id());
        Some(TraceParent::new(trace_id, parent_id, decision).with_random(random))
    }
}

/// Whether two headers name the same trace.
#[inline]
pub(super) fn same_trace(one: Option<TraceParent>, other: Option<TraceParent>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one.trace_id() == other.trace_id())
}

/// The parents that the formats beside the two usual ones name, and Datadog's vendor state.
fn parents_from_others(
    received: &Received<'_>,
    notes: &mut Notes,
) -> ([Found; OTHERS.len()], Option<String>) {
    let one = |field, parse: fn(&[u8]) -> Result<Option<TraceParent>, Rule>, rule| match received
        .single(field)
    {
        Single::Absent => Ok(None),
        Single::One(value) | Single::Equal(value) => parse(value),
        Single::Different => Err(rule),
    };
    let mut member = None;
    let mut datadog = |notes: &mut Notes| {
        let found = datadog::parse(received, notes)?;
        Ok(found.map(|(parent, state)| {
            member = Some(state);
            parent
        }))
    };
    let parents = OTHERS.map(|format| {
        let parsed = match format {
            Format::B3 => one(Field::B3, b3::parse_single, Rule::B3),
            Format::B3Multi => b3::parse_multi(received),
            Format::Datadog => datadog(notes),
            Format::XRay => one(Field::XRay, xray::parse, Rule::XRay),
            _ => one(Field::GrpcTraceBin, grpc_trace_bin::parse, Rule::GrpcTraceBin),
        };
        let parent = parsed.unwrap_or_else(|rule| {
            notes.refuse(format.main_field(), rule);
            None
        });
        (format, parent)
    });
    (parents, member)
}

/// Gives ids of 64 bits the upper half that another header brings for the same lower one: the format
/// may win, but must not cut the trace in two.
fn lengthen(parents: &mut [Found]) {
    let low = |id: TraceId| id.to_u128() & u128::from(u64::MAX);
    for at in 0..parents.len() {
        let (format, Some(short)) = parents[at] else { continue };
        let may_be_short = matches!(format, Format::B3 | Format::B3Multi | Format::Datadog);
        if !may_be_short || low(short.trace_id()) != short.trace_id().to_u128() {
            continue;
        }
        let whole = parents.iter().filter_map(|(_, other)| other.map(|other| other.trace_id()));
        let whole = whole.filter(|id| low(*id) == low(short.trace_id())).max();
        let whole = whole.unwrap_or(short.trace_id());
        parents[at].1 = Some(TraceParent::new(whole, short.parent_id(), short.decision()));
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

/// What one format says.
type Found = (Format, Option<TraceParent>);

/// The formats that name a trace, beside `traceparent` and `sentry-trace`.
pub(super) const OTHERS: [Format; 5] =
    [Format::B3, Format::B3Multi, Format::Datadog, Format::XRay, Format::GrpcTraceBin];
