use super::baggage::Sampling;
use super::carrier::{Extractor, FieldValue, Injector};
use super::extraction::Notes;
use super::format::Formats;
use super::received::{FieldSet, Single};
use super::trace_texts::{TextPart, TraceTexts};
use super::{BaggageKeys, Extraction, Field, Format, Received, Rule, SentryConfig};
use super::{b3, baggage, datadog, sampling_context, sentry_trace, traceparent, tracestate, xray};
use crate::context::{Baggage, Decision, Member, TraceContext, TraceId, TraceParent, TraceState};

/// Which formats go in and out, which one wins, and what is passed on.
///
/// A plain value: clone it into every layer of a service. The default reads and writes `traceparent`,
/// `tracestate`, `sentry-trace` and `baggage`, prefers `traceparent` where two headers name different
/// traces, and keeps the application's baggage to itself.
///
/// ```
/// use throughline::propagation::{Format, Propagator, SentryConfig};
///
/// let propagator = Propagator::default()
///     .emit([Format::TraceContext, Format::Sentry])
///     .sentry(SentryConfig::new().release("shop@1.4"))
///     .forward_baggage(true);
/// ```
#[derive(Clone, Debug)]
pub struct Propagator {
    accept: Formats,
    emit: Formats,
    primary: Format,
    accept_baggage: BaggageKeys,
    forward_baggage: BaggageKeys,
    random_bit: bool,
    sentry: Option<SentryConfig>,
}

impl Propagator {
    /// Reads these formats and no others.
    #[must_use]
    pub fn accept(self, formats: impl IntoIterator<Item = Format>) -> Self {
        Self { accept: formats.into_iter().collect(), ..self }
    }

    /// Writes these formats and no others. What stands in a carrier in another format is left alone.
    #[must_use]
    pub fn emit(self, formats: impl IntoIterator<Item = Format>) -> Self {
        Self { emit: formats.into_iter().collect(), ..self }
    }

    /// Which format wins where two name different traces (rule BO-2); [`Format::TraceContext`] by
    /// default. Behind it, the order is that of [`Format::ALL`].
    #[must_use]
    pub fn primary(self, format: Format) -> Self {
        Self { primary: format, ..self }
    }

    /// Which of the application's baggage is read; all by default. Sentry's members are read with
    /// `sentry-trace` in any case.
    #[must_use]
    pub fn accept_baggage(self, keys: impl Into<BaggageKeys>) -> Self {
        Self { accept_baggage: keys.into(), ..self }
    }

    /// Which of the application's baggage is sent on; none by default, since it may hold what another
    /// party should not see. Sentry's members travel with `sentry-trace` in any case.
    #[must_use]
    pub fn forward_baggage(self, keys: impl Into<BaggageKeys>) -> Self {
        Self { forward_baggage: keys.into(), ..self }
    }

    /// Whether traces that begin here say that their id is random (rule TP-6); they do by default.
    /// Some peers refuse a `traceparent` that says so. What came in is passed on unchanged.
    #[must_use]
    pub fn random_bit(self, set: bool) -> Self {
        Self { random_bit: set, ..self }
    }

    /// Describes the traces that begin here to Sentry, and checks where continued ones come from.
    #[must_use]
    pub fn sentry(self, config: SentryConfig) -> Self {
        Self { sentry: Some(config), ..self }
    }

    /// Every field that may be read or written.
    pub fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        self.accept.fields().and(self.emit.fields()).iter()
    }

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
        let usual = [(Format::TraceContext, w3c), (Format::Sentry, sentry)];
        let (parent, dd) = if self.accept.has_others() {
            let (others, dd) = self.parents_from_others(received, &mut notes);
            let [a, b] = usual;
            let [c, d, e, f] = others;
            (self.combine(&[a, b, c, d, e, f], &mut notes), dd)
        } else if w3c.is_some() && sentry.is_some() {
            (self.combine(&usual, &mut notes), None)
        } else {
            (w3c.or(sentry), None)
        };
        let is_trace_of = |one: Option<TraceParent>| same_trace(one, parent);

        let from_sentry = is_trace_of(sentry);
        if self.accept.has(Format::Sentry) && !baggage.sentry().is_empty() {
            if let Some(rule) = sampling_context_refused(sentry.as_ref(), from_sentry, &sampling) {
                baggage.retain(|member| !member.is_sentry());
                notes.refuse(Field::Baggage, rule);
            }
        }
        if let Some(parent) = parent.filter(|_| from_sentry) {
            sampling_context::complete(&parent, &sampling, &mut baggage);
        }
        let mut state = if is_trace_of(w3c) {
            state_in(received, &mut notes)
        } else {
            if w3c.is_none() && received.list(Field::TraceState).is_some() {
                notes.refuse(Field::TraceState, Rule::Ts1);
            }
            TraceState::default()
        };
        if let Some((datadog, member)) = dd
            && is_trace_of(Some(datadog))
        {
            datadog::remember(&member, &mut state);
        }
        notes.with(TraceContext::from_parts(parent, state, baggage, from_sentry))
    }

    /// The parents that the formats beside the two usual ones name, and Datadog's vendor state.
    fn parents_from_others(
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
        let trace_id = whole_id(parents, winner);
        Some(TraceParent::new(trace_id, winner.parent_id(), decision).with_random(random))
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

    /// Writes the context into the carrier. Every trace field that stands there in an emitted format
    /// is replaced (rule BO-3), or removed if there is nothing to send (rule TP-9); baggage is added
    /// to (rule BG-11).
    pub fn inject<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        // With nothing to add and no set of Sentry's to replace, what stands there stays.
        let writes_baggage = self.emit.has(Format::Sentry)
            || (self.emit.has(Format::Baggage) && !context.baggage().is_empty());
        let sends_state = context.parent().is_some() && !context.trace_state().is_empty();
        // What is looked up comes first, since a carrier that is still empty answers for nothing:
        // 100 instructions a header.
        let existing = if writes_baggage {
            existing_baggage(carrier, self.emit.has(Format::Sentry))
        } else {
            None
        };
        if self.emit.has(Format::TraceContext) && !sends_state {
            carrier.remove(Field::TraceState);
        }
        self.inject_parent(context, carrier);
        if self.emit.has(Format::TraceContext) && sends_state {
            let state = FieldValue::shared(context.trace_state().header_value());
            carrier.set(Field::TraceState, state);
        }
        if writes_baggage {
            self.inject_baggage(context, existing, carrier);
        }
        if self.emit.has_others() {
            self.inject_others(context, carrier);
        }
    }

    /// Writes the two headers that name the parent.
    fn inject_parent<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        let keeps_bit = self.random_bit || !context.begun_here();
        let texts = context.parent().map(|parent| {
            TraceTexts::new(&parent.with_random(parent.random() && keeps_bit), self.emit)
        });
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
    }

    fn inject_others<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        for format in OTHERS.into_iter().filter(|format| self.emit.has(*format)) {
            match format {
                Format::B3 => b3::inject_single(context.parent(), carrier),
                Format::B3Multi => b3::inject_multi(context.parent(), carrier),
                Format::Datadog => datadog::inject(context, carrier),
                _ => xray::inject(context.parent(), carrier),
            }
        }
    }

    fn inject_baggage<C: Injector + ?Sized>(
        &self,
        context: &TraceContext,
        existing: Option<Baggage>,
        carrier: &mut C,
    ) {
        let described = self.sentry.as_ref().and_then(|config| describe(config, context));
        if existing.is_some() || described.is_some() || !self.sends_all(context) {
            return self.inject_chosen_baggage(context, existing, described, carrier);
        }
        if !context.baggage().is_empty() {
            let list = FieldValue::shared(context.baggage().header_value());
            carrier.set(Field::Baggage, list);
        }
    }

    /// Writes what goes out of a list of which not all does, or to which something comes.
    #[cold]
    fn inject_chosen_baggage<C: Injector + ?Sized>(
        &self,
        context: &TraceContext,
        existing: Option<Baggage>,
        described: Option<Baggage>,
        carrier: &mut C,
    ) {
        let sentry = described.as_ref().unwrap_or(context.baggage());
        let sentry = sentry.iter().filter(|m| m.is_sentry() && self.sends(m, context));
        let other = context.baggage().iter().filter(|m| !m.is_sentry() && self.sends(m, context));
        let there = existing.iter().flat_map(Baggage::iter);
        // What is cut off at the limit should be the application's, not the trace's.
        let out = Baggage::from_members(sentry.chain(there).chain(other));
        if !out.is_empty() {
            carrier.set(Field::Baggage, FieldValue::shared(out.header_value()));
        } else if existing.is_some() {
            carrier.remove(Field::Baggage);
        }
    }

    /// Whether a member goes out. Sentry's travel with `sentry-trace` only.
    fn sends(&self, member: &Member<'_>, context: &TraceContext) -> bool {
        if member.is_sentry() {
            self.emit.has(Format::Sentry) && context.parent().is_some()
        } else {
            self.emit.has(Format::Baggage) && self.forward_baggage.have(member.key())
        }
    }

    /// Whether every member goes out, which the usual settings tell without a look at them.
    fn sends_all(&self, context: &TraceContext) -> bool {
        let baggage = context.baggage();
        let sentry = self.emit.has(Format::Sentry) && context.parent().is_some();
        let other = self.emit.has(Format::Baggage) && self.forward_baggage.are_all();
        let usual = (sentry || baggage.sentry().is_empty())
            && (other || baggage.sentry_len() == baggage.len());
        usual || baggage.iter().all(|member| self.sends(&member, context))
    }
}

impl Default for Propagator {
    fn default() -> Self {
        let usual = Formats::default()
            .with(Format::TraceContext)
            .with(Format::Sentry)
            .with(Format::Baggage);
        Self {
            accept: usual,
            emit: usual,
            primary: Format::TraceContext,
            accept_baggage: BaggageKeys::All,
            forward_baggage: BaggageKeys::None,
            random_bit: true,
            sentry: None,
        }
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
fn same_trace(one: Option<TraceParent>, other: Option<TraceParent>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let (one, other) = (one.trace_id().to_u128(), other.trace_id().to_u128());
    let low = |id: u128| id & u128::from(u64::MAX);
    one == other || ((low(one) == one || low(other) == other) && low(one) == low(other))
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

fn state_in(received: &Received<'_>, notes: &mut Notes) -> TraceState {
    let Some(list) = received.list(Field::TraceState) else { return TraceState::default() };
    tracestate::parse(list).unwrap_or_else(|rule| {
        notes.refuse(Field::TraceState, rule);
        TraceState::default()
    })
}

/// Why Sentry's members cannot describe the trace that is continued, if they cannot.
fn sampling_context_refused(
    sentry: Option<&TraceParent>,
    sentry_won: bool,
    sampling: &Sampling<'_>,
) -> Option<Rule> {
    let Some(sentry) = sentry else { return Some(Rule::Se5) };
    if !sentry_won {
        return Some(Rule::Bo2);
    }
    (!sampling.is_of(sentry.trace_id())).then_some(Rule::Se11)
}

/// The dynamic sampling context of a trace that begins here, if we are to make one.
fn describe(config: &SentryConfig, context: &TraceContext) -> Option<Baggage> {
    let parent = context.parent()?;
    if context.sampling_frozen() || !context.baggage().sentry().is_empty() {
        return None;
    }
    let mut baggage = Baggage::default();
    sampling_context::describe(config, parent, &mut baggage);
    Some(baggage)
}

/// The baggage that stands in a carrier, without Sentry's members if those are to be replaced.
fn existing_baggage<C: Injector + ?Sized>(carrier: &C, replace_sentry: bool) -> Option<Baggage> {
    let mut received = Received::new(FieldSet::of(&[Field::Baggage]));
    carrier.existing(&mut received);
    let (mut baggage, _) = baggage::parse(received.list(Field::Baggage)?, &mut |_| {});
    if replace_sentry {
        baggage.retain(|member| !member.is_sentry());
    }
    Some(baggage)
}

/// What one format says.
type Found = (Format, Option<TraceParent>);

/// The formats that name a trace, beside `traceparent` and `sentry-trace`.
const OTHERS: [Format; 4] = [Format::B3, Format::B3Multi, Format::Datadog, Format::XRay];

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const W3C: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7";
    const OTHER: &str = "11111111111111111111111111111111-00f067aa0ba902b7-1";

    type Pairs = Vec<(String, String)>;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn extract(fields: &[(&str, &str)]) -> Extraction {
        Propagator::default().extract(&pairs(fields))
    }

    fn rules(extraction: &Extraction) -> Vec<&'static str> {
        extraction.refused.iter().map(|error| error.rule().id()).collect()
    }

    fn inject(propagator: &Propagator, context: &TraceContext, carrier: &[(&str, &str)]) -> Pairs {
        let mut carrier = pairs(carrier);
        propagator.inject(context, &mut carrier);
        carrier
    }

    #[test]
    fn bo_4_no_field_means_no_context() {
        let found = extract(&[("accept", "*/*")]);
        assert!(found.context.is_empty());
        assert!(found.refused.is_empty());
    }

    #[test]
    fn bo_1_one_trace_takes_the_explicit_decision_of_sentry_trace() {
        for (tail, sampled) in [("", true), ("-1", true), ("-0", false)] {
            let sentry = format!("{SENTRY}{tail}");
            let found = extract(&[("traceparent", W3C), ("sentry-trace", &sentry)]);
            assert_eq!(found.context.sampled(), Some(sampled), "{tail}");
            let parent = found.context.parent().unwrap();
            assert_eq!(parent.parent_id().to_string(), "b7ad6b7169203331");
        }
    }

    #[test]
    fn se_3_an_open_decision_survives_a_hop_that_writes_both_headers() {
        let found = extract(&[("sentry-trace", SENTRY)]);
        let sent = inject(&Propagator::default(), &found.context, &[]);
        assert!(sent.iter().any(|(name, value)| name == "traceparent" && value.ends_with("-00")));
        let next = Propagator::default().extract(&sent);
        assert_eq!(next.context.sampled(), None);

        // Sentry's Node SDK draws a span of its own for each header.
        let another_span = W3C.replace("-01", "-00");
        let found = extract(&[("traceparent", &another_span), ("sentry-trace", SENTRY)]);
        assert_eq!(found.context.sampled(), None);
    }

    #[test]
    fn a_format_with_short_ids_that_wins_cuts_no_trace_id() {
        let propagator = Propagator::default()
            .accept([Format::TraceContext, Format::Sentry, Format::B3])
            .primary(Format::B3);
        let b3 = format!("{}-00f067aa0ba902b7-1", &TRACE[16..]);
        let dsc = format!("sentry-trace_id={TRACE},sentry-sample_rand=0.5");
        for other in [("traceparent", W3C), ("sentry-trace", SENTRY)] {
            let found = propagator.extract(&pairs(&[other, ("b3", &b3), ("baggage", &dsc)]));
            let parent = found.context.parent().unwrap();
            assert_eq!(parent.trace_id().to_string(), TRACE);
            assert_eq!(parent.parent_id().to_string(), "00f067aa0ba902b7");
            assert!(found.link.is_none());
        }
    }

    #[test]
    fn bo_2_the_primary_header_wins_and_the_other_becomes_a_link() {
        let dsc = "sentry-trace_id=11111111111111111111111111111111,sentry-sample_rand=0.5,a=1";
        let fields = [
            ("traceparent", W3C),
            ("tracestate", "v=1"),
            ("sentry-trace", OTHER),
            ("baggage", dsc),
        ];
        let found = extract(&fields);
        assert_eq!(found.context.parent().unwrap().trace_id().to_string(), TRACE);
        assert_eq!(found.link.unwrap().trace_id().to_string(), "1".repeat(32));
        assert_eq!(found.context.baggage().as_str(), "a=1");
        assert_eq!(found.context.trace_state().as_str(), "v=1");
        assert_eq!(rules(&found), ["BO-2", "BO-2"]);

        let found = Propagator::default().primary(Format::Sentry).extract(&pairs(&fields));
        assert_eq!(found.context.parent().unwrap().trace_id().to_string(), "1".repeat(32));
        assert_eq!(found.link.unwrap().trace_id().to_string(), TRACE);
        assert_eq!(found.context.baggage().as_str(), dsc);
        assert!(found.context.trace_state().is_empty());
    }

    #[test]
    fn se_4_received_sentry_members_go_out_verbatim_and_frozen() {
        let dsc = "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-release=a%20b,\
                   sentry-sample_rand=0.12345678901234567";
        let found = extract(&[("sentry-trace", SENTRY), ("baggage", dsc)]);
        assert!(found.context.sampling_frozen());
        let propagator = Propagator::default().sentry(SentryConfig::new().release("mine"));
        let sent = inject(&propagator, &found.context, &[]);
        assert!(sent.contains(&("baggage".to_owned(), dsc.to_owned())));
        assert!(sent.contains(&("sentry-trace".to_owned(), SENTRY.to_owned())), "still deferred");

        let found = extract(&[("sentry-trace", SENTRY)]);
        let sent = inject(&propagator, &found.context, &[]);
        assert!(sent.iter().all(|(name, _)| name != "baggage"), "frozen empty");
    }

    #[test]
    fn se_5_sentry_members_without_sentry_trace_are_ignored() {
        let found = extract(&[("traceparent", W3C), ("baggage", "sentry-release=1,a=1")]);
        assert_eq!(found.context.baggage().as_str(), "a=1");
        assert_eq!(rules(&found), ["SE-5"]);
    }

    #[test]
    fn se_8_a_trace_of_another_organization_is_not_continued() {
        let propagator = Propagator::default().sentry(SentryConfig::new().org_id("1"));
        let carrier = pairs(&[("sentry-trace", SENTRY), ("baggage", "sentry-org_id=2,a=1")]);
        let found = propagator.extract(&carrier);
        assert!(found.context.is_empty());
        assert_eq!(rules(&found), ["SE-8"]);
    }

    #[test]
    fn se_11_sentry_members_of_another_trace_are_dropped() {
        let found = extract(&[("sentry-trace", SENTRY), ("baggage", "sentry-trace_id=12,a=1")]);
        assert_eq!(found.context.baggage().as_str(), "a=1");
        assert_eq!(rules(&found), ["SE-11"]);
    }

    #[test]
    fn ts_1_state_needs_a_valid_parent() {
        let found = extract(&[("tracestate", "a=1"), ("traceparent", "nonsense")]);
        assert!(found.context.is_empty());
        assert_eq!(rules(&found), ["TP-3", "TS-1"]);
    }

    #[test]
    fn bg_13_baggage_without_a_trace_is_kept() {
        let found = extract(&[("baggage", "a=1")]);
        assert_eq!(found.context.baggage().as_str(), "a=1");
        assert!(found.context.parent().is_none());
        let forwarding = Propagator::default().forward_baggage(true);
        assert_eq!(inject(&forwarding, &found.context, &[]), pairs(&[("baggage", "a=1")]));
    }

    #[test]
    fn tp_9_stale_fields_go_when_there_is_nothing_to_send() {
        let stale =
            [("traceparent", W3C), ("tracestate", "a=1"), ("sentry-trace", OTHER), ("x", "y")];
        let sent = inject(&Propagator::default(), &TraceContext::new(), &stale);
        assert_eq!(sent, pairs(&[("x", "y")]));
        let context = extract(&[("traceparent", W3C)]).context;
        let sent = inject(&Propagator::default(), &context, &[("tracestate", "old=1")]);
        assert!(sent.iter().all(|(name, _)| name != "tracestate"));
    }

    #[test]
    fn bo_3_fields_are_replaced_whatever_their_case() {
        let context = extract(&[("traceparent", W3C)]).context;
        let stale = [("Traceparent", "old"), ("SENTRY-TRACE", OTHER), ("traceparent", "older")];
        let sent = inject(&Propagator::default(), &context, &stale);
        let mut names: Vec<_> = sent.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["sentry-trace", "traceparent"]);
    }

    #[test]
    fn bg_11_foreign_members_in_the_carrier_stay_and_sentry_members_are_replaced() {
        let dsc = "sentry-sample_rand=0.5,b=2";
        let context = extract(&[("sentry-trace", SENTRY), ("baggage", dsc)]).context;
        let there = [("baggage", "a=1,sentry-release=old")];
        let baggage = |propagator: &Propagator| {
            let sent = inject(propagator, &context, &there);
            sent.into_iter().find(|(name, _)| name == "baggage").unwrap().1
        };
        assert_eq!(baggage(&Propagator::default()), "sentry-sample_rand=0.5,a=1");
        assert_eq!(
            baggage(&Propagator::default().forward_baggage(true)),
            "sentry-sample_rand=0.5,a=1,b=2"
        );
    }

    #[test]
    fn a_head_describes_its_trace_only_where_it_is_told_how() {
        let context = extract(&[("traceparent", W3C)]).context;
        let silent = inject(&Propagator::default(), &context, &[]);
        assert!(silent.iter().all(|(name, _)| name != "baggage"));
        let config = SentryConfig::new().release("r@1");
        let sent = inject(&Propagator::default().sentry(config), &context, &[]);
        let (_, baggage) = sent.iter().find(|(name, _)| name == "baggage").unwrap();
        assert!(baggage.starts_with(&format!("sentry-trace_id={TRACE},")), "{baggage}");
        assert!(baggage.ends_with(",sentry-sampled=true,sentry-release=r@1"), "{baggage}");
    }

    #[test]
    fn a_format_that_is_not_accepted_is_not_read() {
        let only_w3c = Propagator::default().accept([Format::TraceContext, Format::Baggage]);
        let fields = pairs(&[("sentry-trace", OTHER), ("baggage", "sentry-release=1,a=1")]);
        let found = only_w3c.extract(&fields);
        assert!(found.context.parent().is_none());
        // To whom does not speak Sentry, its members are baggage like any other.
        assert_eq!(found.context.baggage().len(), 2);
        assert!(found.refused.is_empty());
    }
}
