//! From the fields of a carrier to one context.

use super::Propagator;
use super::combine::same_trace;
use crate::context::{Baggage, TraceContext, TraceParent, TraceState};
use crate::propagation::baggage::{self, Sampling};
use crate::propagation::carrier::Extractor;
use crate::propagation::extraction::Notes;
use crate::propagation::received::Single;
use crate::propagation::{
    Extraction, Field, Format, Received, Rule, datadog, sampling_context, sentry_trace,
    traceparent, tracestate,
};

impl Propagator {
    /// Reads what the carrier holds. Never fails: what breaks its format is left out and reported.
    #[must_use]
    pub fn extract<C: Extractor + ?Sized>(&self, carrier: &C) -> Extraction {
        let mut received = Received::new(self.accept.fields());
        carrier.extract_into(&mut received);
        if received.is_empty() {
            return Extraction::default();
        }
        self.extract_received(&received)
    }

    fn extract_received(&self, received: &Received<'_>) -> Extraction {
        let mut notes = Notes::default();
        let w3c = parent_from_traceparent(received, &mut notes);
        if received.is_only(Field::TraceParent) {
            // Nothing to combine: 140 instructions less.
            return notes.with(TraceContext::from_parts(
                w3c,
                <_>::default(),
                <_>::default(),
                false,
            ));
        }
        let sentry = parent_from_sentry_trace(received, &mut notes);
        let (mut baggage, sampling) = self.baggage_in(received, &mut notes);

        if sentry.is_some() && !self.continues(&sampling) {
            // Ids, decision and baggage of another organization are none of ours (rule SE-8).
            notes.refuse(Field::SentryTrace, Rule::Se8);
            return notes.with(TraceContext::new());
        }
        let (parent, datadog) = self.parent_in(w3c, sentry, received, &mut notes);
        let from_sentry = same_trace(sentry, parent);
        if self.accept.has(Format::Sentry) && !baggage.sentry().is_empty() {
            let sentry_trace = sentry.and_then(|_| text_of(received, Field::SentryTrace));
            if let Some(rule) = sampling_context_refused(sentry_trace, from_sentry, &sampling) {
                baggage.retain(|member| !member.is_sentry());
                notes.refuse(Field::Baggage, rule);
            }
        }
        if let Some(parent) = parent.filter(|_| from_sentry) {
            sampling_context::complete(&parent, &sampling, &mut baggage);
        }
        let mut state = state_in(received, w3c, parent, &mut notes);
        if let Some(member) = datadog {
            datadog::remember(&member, &mut state);
        }
        notes.with(TraceContext::from_parts(parent, state, baggage, from_sentry))
    }

    fn continues(&self, sampling: &Sampling<'_>) -> bool {
        match &self.sentry {
            Some(config) => config.continues(sampling.org_id().as_deref()),
            None => true,
        }
    }

    fn baggage_in<'a>(
        &self,
        received: &'a Received<'_>,
        notes: &mut Notes,
    ) -> (Baggage, Sampling<'a>) {
        let Some(list) = received.list(Field::Baggage) else { return Default::default() };
        let (mut baggage, sampling) =
            baggage::parse(list, &mut |rule| notes.refuse(Field::Baggage, rule));
        let sentry = self.accept.has(Format::Sentry);
        if !self.accept.has(Format::Baggage) {
            // Only Sentry's members were asked for.
            baggage.retain(|member| member.is_sentry());
        } else if !self.accept_baggage.are_all() {
            baggage.retain(|member| {
                (sentry && member.is_sentry()) || self.accept_baggage.have(member.key())
            });
        }
        (baggage, sampling)
    }
}

fn parent_from_traceparent(received: &Received<'_>, notes: &mut Notes) -> Option<TraceParent> {
    let parsed = match received.single(Field::TraceParent) {
        Single::Absent => return None,
        Single::One(value) => traceparent::parse(value),
        Single::Equal(_) | Single::Different => Err(Rule::Tp5),
    };
    parsed.map_err(|rule| notes.refuse(Field::TraceParent, rule)).ok()
}

fn parent_from_sentry_trace(received: &Received<'_>, notes: &mut Notes) -> Option<TraceParent> {
    let parsed = match received.single(Field::SentryTrace) {
        Single::Absent => return None,
        Single::One(value) | Single::Equal(value) => sentry_trace::parse(value),
        Single::Different => Err(Rule::Se2),
    };
    parsed.map_err(|rule| notes.refuse(Field::SentryTrace, rule)).ok()
}

/// The value of a field that several lines may repeat.
fn text_of<'a>(received: &'a Received<'_>, field: Field) -> Option<&'a [u8]> {
    match received.single(field) {
        Single::One(value) | Single::Equal(value) => Some(value),
        Single::Absent | Single::Different => None,
    }
}

/// The vendors' state of the trace that `traceparent` names, if that is the one that is continued.
fn state_in(
    received: &Received<'_>,
    w3c: Option<TraceParent>,
    parent: Option<TraceParent>,
    notes: &mut Notes,
) -> TraceState {
    let Some(list) = received.list(Field::TraceState) else { return TraceState::default() };
    if w3c.is_none() {
        notes.refuse(Field::TraceState, Rule::Ts1);
    }
    if !same_trace(w3c, parent) {
        return TraceState::default();
    }
    tracestate::parse(list).unwrap_or_else(|rule| {
        notes.refuse(Field::TraceState, rule);
        TraceState::default()
    })
}

/// Why Sentry's members cannot describe the trace that is continued, if they cannot.
fn sampling_context_refused(
    sentry_trace: Option<&[u8]>,
    sentry_won: bool,
    sampling: &Sampling<'_>,
) -> Option<Rule> {
    let Some(sentry_trace) = sentry_trace else { return Some(Rule::Se5) };
    if !sentry_won {
        return Some(Rule::Bo2);
    }
    (!sampling.is_of(sentry_trace)).then_some(Rule::Se11)
}
