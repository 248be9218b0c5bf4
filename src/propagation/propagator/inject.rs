//! From one context to the fields of a carrier.

use http::HeaderValue;

use super::Propagator;
use super::combine::OTHERS;
#[cfg(feature = "websocket")]
use crate::context::SENTRY_PREFIX;
use crate::context::{Baggage, Member, TraceContext, TraceParent, TraceState};
use crate::propagation::carrier::{FieldValue, Injector};
use crate::propagation::received::FieldSet;
use crate::propagation::trace_texts::{TextPart, TraceTexts};
use crate::propagation::{
    Field, Format, Received, b3, baggage, datadog, grpc_trace_bin, sampling_context, xray,
};

impl Propagator {
    /// Writes the context into the carrier. Every trace field that stands there in an emitted format
    /// is replaced (rule BO-3), or removed if there is nothing to send (rule TP-9). Baggage is added
    /// to what stands there: a key that is there already stays as it is, and a second injection
    /// changes nothing (rule BG-11).
    pub fn inject<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        // With nothing to add and no set of Sentry's to replace, what stands there stays.
        let writes_baggage = self.emit.has(Format::Sentry)
            || (self.emit.has(Format::Baggage) && !context.baggage().is_empty());
        // What is looked up comes first, since a carrier that is still empty answers for nothing:
        // 100 instructions a header.
        let existing = if writes_baggage { existing_baggage(carrier) } else { Baggage::default() };
        let parent = self.parent_out(context);
        self.inject_trace(parent.as_ref(), context.trace_state(), carrier);
        if writes_baggage {
            self.inject_baggage(context, existing, carrier);
        }
        if self.emit.has_others() {
            self.inject_others(parent.as_ref(), context.trace_state(), carrier);
        }
    }

    /// The parent as the next hop is told of it.
    #[inline]
    fn parent_out(&self, context: &TraceContext) -> Option<TraceParent> {
        let mut parent = *context.parent()?;
        if context.begun_here() && !self.random_bit {
            parent = parent.with_random(false);
        }
        match self.fresh_ids {
            Some(draw) if !context.has_own_span() => Some(parent.child(draw(), parent.decision())),
            _ => Some(parent),
        }
    }

    /// Writes the headers that name the parent, and the state that goes with it (rule TS-1).
    fn inject_trace<C: Injector + ?Sized>(
        &self,
        parent: Option<&TraceParent>,
        state: &TraceState,
        carrier: &mut C,
    ) {
        let emits_state = self.emit.has(Format::TraceContext);
        let sends_state = parent.is_some() && !state.is_empty();
        if emits_state && !sends_state {
            carrier.remove(Field::TraceState);
        }
        let texts = parent.map(|parent| TraceTexts::new(parent, self.emit));
        let mut put = |field, part: Option<TextPart<'_>>| match part {
            Some(part) => carrier.set(field, FieldValue::part(part)),
            None => carrier.remove(field),
        };
        if self.emit.has(Format::TraceContext) {
            put(Field::TraceParent, texts.as_ref().map(TraceTexts::traceparent));
        }
        if self.emit.has(Format::Sentry) {
            put(Field::SentryTrace, texts.as_ref().map(TraceTexts::sentry_trace));
        }
        if emits_state && sends_state {
            self.inject_state(state, carrier);
        }
    }

    #[inline]
    fn inject_state<C: Injector + ?Sized>(&self, state: &TraceState, carrier: &mut C) {
        match state.header_value() {
            Some(list) if list.len() <= self.max_trace_state_bytes => {
                carrier.set(Field::TraceState, FieldValue::shared(list));
            }
            _ => self.inject_short_state(state.clone(), carrier),
        }
    }

    #[cold]
    fn inject_short_state<C: Injector + ?Sized>(&self, mut state: TraceState, carrier: &mut C) {
        state.shorten(self.max_trace_state_bytes);
        set_list(Field::TraceState, state.header_value(), carrier);
    }

    #[cold]
    fn inject_others<C: Injector + ?Sized>(
        &self,
        parent: Option<&TraceParent>,
        state: &TraceState,
        carrier: &mut C,
    ) {
        for format in OTHERS.into_iter().filter(|format| self.emit.has(*format)) {
            match format {
                Format::B3 => b3::inject_single(parent, carrier),
                Format::B3Multi => b3::inject_multi(parent, carrier),
                Format::Datadog => datadog::inject(parent, state, carrier),
                Format::XRay => xray::inject(parent, carrier),
                _ => grpc_trace_bin::inject(parent, carrier),
            }
        }
    }

    fn inject_baggage<C: Injector + ?Sized>(
        &self,
        context: &TraceContext,
        existing: Baggage,
        carrier: &mut C,
    ) {
        let config = self.sentry.as_ref().filter(|_| sampling_context::is_missing(context));
        if config.is_some() || !existing.is_empty() || !self.sends_all(context) {
            let described = config.filter(|_| self.emit.has(Format::Sentry));
            let described = described.map(|config| sampling_context::describe(config, context));
            return self.inject_chosen_baggage(context, existing, described, carrier);
        }
        if let Some(list) = context.baggage().header_value() {
            carrier.set(Field::Baggage, FieldValue::shared(list));
        }
    }

    /// Writes what goes out of a list of which not all does, or to which something comes.
    #[cold]
    fn inject_chosen_baggage<C: Injector + ?Sized>(
        &self,
        context: &TraceContext,
        existing: Baggage,
        described: Option<Baggage>,
        carrier: &mut C,
    ) {
        let replaced = |member: &Member<'_>| self.emit.has(Format::Sentry) && member.is_sentry();
        let there = || existing.iter().filter(|member| !replaced(member));
        let sentry = described.as_ref().unwrap_or(context.baggage()).iter();
        let sentry = sentry.filter(|m| self.describes(m) && self.sends(m, context));
        let other = context.baggage().iter().filter(|member| {
            !self.describes(member)
                && self.sends(member, context)
                && !there().any(|known| known.key() == member.key())
        });
        let nothing_to_add = sentry.clone().chain(other.clone()).next().is_none();
        if nothing_to_add && !existing.iter().any(|m| replaced(&m)) {
            // Not ours to check: what stands there may be valid to its receiver.
            return;
        }
        // What is cut off at the limit should be the application's, not the trace's.
        let out = Baggage::from_members_within(
            self.max_baggage_members,
            self.max_baggage_bytes,
            sentry.chain(there()).chain(other),
        );
        set_list(Field::Baggage, out.header_value(), carrier);
    }

    /// Whether a member is part of Sentry's description of the trace. To whom does not speak Sentry,
    /// there is no such thing.
    fn describes(&self, member: &Member<'_>) -> bool {
        member.is_sentry() && (self.emit.has(Format::Sentry) || self.accept.has(Format::Sentry))
    }

    /// Whether a member goes out. Sentry's travel with `sentry-trace` only.
    fn sends(&self, member: &Member<'_>, context: &TraceContext) -> bool {
        if self.describes(member) {
            self.emit.has(Format::Sentry) && context.parent().is_some()
        } else {
            self.emit.has(Format::Baggage) && self.forward_baggage.have(member.key())
        }
    }

    /// Whether a list that came in may go out as it is.
    #[cfg(feature = "websocket")]
    pub(crate) fn passes_on(&self, baggage: &str) -> bool {
        baggage.split(',').all(|member| {
            let key = member.split(['=', ';']).next().unwrap_or_default().trim_matches([' ', '\t']);
            match key.starts_with(SENTRY_PREFIX) {
                true => self.emit.has(Format::Sentry),
                false => self.emit.has(Format::Baggage) && self.forward_baggage.have(key),
            }
        })
    }

    /// Whether every member goes out, which the usual settings tell without a look at them.
    #[inline]
    fn sends_all(&self, context: &TraceContext) -> bool {
        let baggage = context.baggage();
        let sentry = self.emit.has(Format::Sentry) && context.parent().is_some();
        let other = self.emit.has(Format::Baggage) && self.forward_baggage.are_all();
        let usual = (sentry || baggage.sentry().is_empty())
            && (other || baggage.sentry_len() == baggage.len());
        let fits = baggage.len() <= self.max_baggage_members
            && baggage.encoded_len() <= self.max_baggage_bytes;
        fits && (usual || baggage.iter().all(|member| self.sends(&member, context)))
    }
}

/// Writes a list, or removes the field if it is empty (rule TS-4).
#[cold]
fn set_list<C: Injector + ?Sized>(field: Field, list: Option<&HeaderValue>, carrier: &mut C) {
    match list {
        Some(list) => carrier.set(field, FieldValue::shared(list)),
        None => carrier.remove(field),
    }
}

/// The baggage that stands in a carrier.
fn existing_baggage<C: Injector + ?Sized>(carrier: &C) -> Baggage {
    if carrier.is_empty() {
        return Baggage::default();
    }
    let mut received = Received::new(const { FieldSet::of(&[Field::Baggage]) });
    carrier.existing(&mut received);
    match received.list(Field::Baggage) {
        Some(list) => baggage::parse(list, &mut |_| {}).0,
        None => Baggage::default(),
    }
}
