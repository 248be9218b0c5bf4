use super::carrier::{Extractor, FieldValue, Injector};
use super::format::Formats;
use super::received::{FieldSet, Single};
use super::{BaggageKeys, Extraction, Field, Format, Received, Rule, SentryConfig};
use super::{b3, baggage, datadog, sampling_context, sentry_trace, traceparent, tracestate, xray};
use crate::context::{Baggage, Decision, Member, TraceContext, TraceParent, TraceState};

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
        self.extract_received(&received)
    }

    fn extract_received(&self, received: &Received<'_>) -> Extraction {
        let mut found = Extraction::default();
        let w3c = parent_from_traceparent(received, &mut found);
        let sentry = parent_from_sentry_trace(received, &mut found);
        let mut baggage = self.baggage_in(received, &mut found);

        if sentry.is_some() && !self.continues(&baggage) {
            // Ids, decision and baggage of another organization are none of ours (rule SE-8).
            found.refuse(Field::SentryTrace, Rule::Se8);
            return Extraction { refused: found.refused, ..Extraction::default() };
        }
        let (others, dd) = if self.accept.has_others() {
            self.parents_from_others(received, &mut found)
        } else {
            ([None; OTHERS.len()], None)
        };
        let parent = self.combine(w3c, sentry, others, &mut found);
        let is_trace_of = |one: Option<TraceParent>| same_trace(one, parent);

        let from_sentry = is_trace_of(sentry);
        if self.accept.has(Format::Sentry) && !baggage.sentry().is_empty() {
            if let Some(rule) = sampling_context_refused(sentry.as_ref(), from_sentry, &baggage) {
                baggage.retain(|member| !member.is_sentry());
                found.refuse(Field::Baggage, rule);
            }
        }
        if let Some(parent) = parent.filter(|_| from_sentry) {
            sampling_context::complete(&parent, &mut baggage);
        }
        let mut state = if is_trace_of(w3c) {
            state_in(received, &mut found)
        } else {
            if w3c.is_none() && received.list(Field::TraceState).is_some() {
                found.refuse(Field::TraceState, Rule::Ts1);
            }
            TraceState::default()
        };
        if let Some((datadog, member)) = dd
            && is_trace_of(Some(datadog))
        {
            datadog::remember(&member, &mut state);
        }
        found.context = TraceContext::from_parts(parent, state, baggage, from_sentry);
        found
    }

    /// The parents that the formats beside the two usual ones name, and Datadog's vendor state.
    fn parents_from_others(
        &self,
        received: &Received<'_>,
        found: &mut Extraction,
    ) -> ([Option<TraceParent>; OTHERS.len()], Option<(TraceParent, String)>) {
        let one =
            |field, parse: fn(&[u8]) -> Result<Option<TraceParent>, Rule>, rule| match received
                .single(field)
            {
                Single::Absent => Ok(None),
                Single::One(value) | Single::Equal(value) => parse(value),
                Single::Different => Err(rule),
            };
        let dd = datadog::parse(received);
        let mut parents = [None; OTHERS.len()];
        for (parent, format) in parents.iter_mut().zip(OTHERS) {
            let parsed = match format {
                Format::B3 => one(Field::B3, b3::parse_single, Rule::B3),
                Format::B3Multi => b3::parse_multi(received),
                Format::Datadog => {
                    dd.as_ref().map(|dd| dd.as_ref().map(|dd| dd.0)).map_err(|rule| *rule)
                }
                _ => one(Field::XRay, xray::parse, Rule::XRay),
            };
            *parent = parsed.unwrap_or_else(|rule| {
                found.refuse(format.main_field(), rule);
                None
            });
        }
        (parents, dd.ok().flatten())
    }

    /// One parent from all that were found (rules BO-1 and BO-2).
    fn combine(
        &self,
        w3c: Option<TraceParent>,
        sentry: Option<TraceParent>,
        others: [Option<TraceParent>; OTHERS.len()],
        found: &mut Extraction,
    ) -> Option<TraceParent> {
        let usual = [(Format::TraceContext, w3c), (Format::Sentry, sentry)];
        let all = usual.into_iter().chain(OTHERS.into_iter().zip(others));
        let all = all.filter_map(|(format, parent)| Some((format, parent?))).collect::<Few>();
        let primary = all.position(self.primary).unwrap_or(0);
        let winner = all.get(primary)?.1;
        for (format, parent) in all.iter() {
            if !same_trace(Some(parent), Some(winner)) {
                found.link.get_or_insert(parent);
                found.refuse(format.main_field(), Rule::Bo2);
            }
        }
        let same =
            |one: Option<TraceParent>| one.filter(|one| same_trace(Some(*one), Some(winner)));
        let decision = decision_of(same(w3c), same(sentry)).unwrap_or(winner.decision());
        let random = same(w3c).is_some_and(|w3c| w3c.random());
        // A format with ids of 64 bits may win, but must not cut the id that another one brings whole.
        let ids = all.iter().filter_map(|(_, parent)| same(Some(parent))).map(|p| p.trace_id());
        let whole = ids.max_by_key(|id| id.to_u128() >> 64).unwrap_or(winner.trace_id());
        Some(TraceParent::new(whole, winner.parent_id(), decision).with_random(random))
    }

    fn continues(&self, baggage: &Baggage) -> bool {
        match &self.sentry {
            Some(config) => config.continues(baggage.sentry().get("org_id").as_deref()),
            None => true,
        }
    }

    fn baggage_in(&self, received: &Received<'_>, found: &mut Extraction) -> Baggage {
        let Some(list) = received.list(Field::Baggage) else { return Baggage::default() };
        let mut baggage = baggage::parse(list, |rule| found.refuse(Field::Baggage, rule));
        let sentry = self.accept.has(Format::Sentry);
        if !self.accept.has(Format::Baggage) {
            // Only Sentry's members were asked for.
            baggage.retain(|member| member.is_sentry());
        } else if !self.accept_baggage.are_all() {
            baggage.retain(|member| {
                (sentry && member.is_sentry()) || self.accept_baggage.have(member.key())
            });
        }
        baggage
    }

    /// Writes the context into the carrier. Every trace field that stands there in an emitted format
    /// is replaced (rule BO-3), or removed if there is nothing to send (rule TP-9); baggage is added
    /// to (rule BG-11).
    pub fn inject<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        if self.emit.has(Format::TraceContext) {
            self.inject_trace_context(context, carrier);
        }
        if self.emit.has(Format::Sentry) {
            match context.parent() {
                Some(parent) => sentry_trace::format(parent, |text| {
                    carrier.set(Field::SentryTrace, FieldValue::text(text));
                }),
                None => carrier.remove(Field::SentryTrace),
            }
        }
        if self.emit.has(Format::Sentry) || self.emit.has(Format::Baggage) {
            self.inject_baggage(context, carrier);
        }
        if self.emit.has_others() {
            self.inject_others(context, carrier);
        }
    }

    fn inject_trace_context<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        match context.parent() {
            Some(parent) => {
                let keeps_bit = self.random_bit || !context.begun_here();
                let parent = parent.with_random(parent.random() && keeps_bit);
                let text = traceparent::format(&parent);
                carrier.set(Field::TraceParent, FieldValue::text(text.as_str()));
            }
            None => carrier.remove(Field::TraceParent),
        }
        if context.parent().is_some() && !context.trace_state().is_empty() {
            let state = FieldValue::shared(context.trace_state().header_value());
            carrier.set(Field::TraceState, state);
        } else {
            carrier.remove(Field::TraceState);
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

    fn inject_baggage<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        let described = self.describe(context);
        let sentry = described.as_ref().unwrap_or(context.baggage());
        let send_sentry = self.emit.has(Format::Sentry) && context.parent().is_some();
        let send_other = |member: &Member<'_>| {
            self.emit.has(Format::Baggage) && self.forward_baggage.have(member.key())
        };

        let existing = existing_baggage(carrier, self.emit.has(Format::Sentry));
        let ours =
            |member: &Member<'_>| if member.is_sentry() { send_sentry } else { send_other(member) };
        let whole =
            existing.is_none() && described.is_none() && context.baggage().iter().all(|m| ours(&m));
        let out = if whole {
            context.baggage().clone()
        } else {
            let other = context.baggage().iter().filter(|m| !m.is_sentry() && send_other(m));
            let sentry = sentry.iter().filter(|m| m.is_sentry() && send_sentry);
            let there = existing.iter().flat_map(Baggage::iter);
            // What is cut off at the limit should be the application's, not the trace's.
            Baggage::from_members(sentry.chain(there).chain(other))
        };
        if !out.is_empty() {
            carrier.set(Field::Baggage, FieldValue::shared(out.header_value()));
        } else if existing.is_some() {
            carrier.remove(Field::Baggage);
        }
    }

    /// The dynamic sampling context of a trace that begins here, if we are to make one.
    fn describe(&self, context: &TraceContext) -> Option<Baggage> {
        let (Some(config), Some(parent)) = (&self.sentry, context.parent()) else { return None };
        if context.sampling_frozen() || !context.baggage().sentry().is_empty() {
            return None;
        }
        let mut baggage = Baggage::default();
        sampling_context::describe(config, parent, &mut baggage);
        Some(baggage)
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
/// else the flag. A flag has no form for "deferred": a writer of both headers writes 00, as Sentry's
/// do, so beside a deferred `sentry-trace` of the same span 00 decides nothing (rule SE-3).
fn decision_of(w3c: Option<TraceParent>, sentry: Option<TraceParent>) -> Option<Decision> {
    match (w3c, sentry) {
        (None, None) => None,
        (Some(w3c), None) => Some(w3c.decision()),
        (None, Some(sentry)) => Some(sentry.decision()),
        (Some(w3c), Some(sentry)) => Some(match sentry.decision() {
            Decision::Deferred
                if w3c.decision() == Decision::NotSampled
                    && w3c.parent_id() == sentry.parent_id() =>
            {
                Decision::Deferred
            }
            Decision::Deferred => w3c.decision(),
            explicit => explicit,
        }),
    }
}

/// Whether two headers name the same trace. Formats with ids of 64 bits give the low half.
fn same_trace(one: Option<TraceParent>, other: Option<TraceParent>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    let (one, other) = (one.trace_id().to_u128(), other.trace_id().to_u128());
    let low = |id: u128| id & u128::from(u64::MAX);
    one == other || ((low(one) == one || low(other) == other) && low(one) == low(other))
}

/// The parents that were found, in the order of their formats. There is never more than one of each.
struct Few {
    parents: [Option<(Format, TraceParent)>; 2 + OTHERS.len()],
    len: usize,
}

impl Few {
    fn iter(&self) -> impl Iterator<Item = (Format, TraceParent)> {
        self.parents.iter().flatten().copied()
    }

    fn position(&self, format: Format) -> Option<usize> {
        self.iter().position(|(found, _)| found == format)
    }

    fn get(&self, at: usize) -> Option<(Format, TraceParent)> {
        self.parents.get(at).copied().flatten()
    }
}

impl FromIterator<(Format, TraceParent)> for Few {
    fn from_iter<I: IntoIterator<Item = (Format, TraceParent)>>(found: I) -> Self {
        let mut few = Self { parents: [None; 2 + OTHERS.len()], len: 0 };
        for parent in found {
            if let Some(free) = few.parents.get_mut(few.len) {
                *free = Some(parent);
                few.len += 1;
            }
        }
        few
    }
}

fn parent_from_traceparent(received: &Received<'_>, found: &mut Extraction) -> Option<TraceParent> {
    let parsed = match received.single(Field::TraceParent) {
        Single::Absent => return None,
        Single::One(value) => traceparent::parse(value),
        Single::Equal(_) | Single::Different => Err(Rule::Tp5),
    };
    parsed.map_err(|rule| found.refuse(Field::TraceParent, rule)).ok()
}

fn parent_from_sentry_trace(
    received: &Received<'_>,
    found: &mut Extraction,
) -> Option<TraceParent> {
    let parsed = match received.single(Field::SentryTrace) {
        Single::Absent => return None,
        Single::One(value) | Single::Equal(value) => sentry_trace::parse(value),
        Single::Different => Err(Rule::Se2),
    };
    parsed.map_err(|rule| found.refuse(Field::SentryTrace, rule)).ok()
}

fn state_in(received: &Received<'_>, found: &mut Extraction) -> TraceState {
    let Some(list) = received.list(Field::TraceState) else { return TraceState::default() };
    tracestate::parse(list).unwrap_or_else(|rule| {
        found.refuse(Field::TraceState, rule);
        TraceState::default()
    })
}

/// Why Sentry's members cannot describe the trace that is continued, if they cannot.
fn sampling_context_refused(
    sentry: Option<&TraceParent>,
    sentry_won: bool,
    baggage: &Baggage,
) -> Option<Rule> {
    let Some(sentry) = sentry else { return Some(Rule::Se5) };
    if !sentry_won {
        return Some(Rule::Bo2);
    }
    let trace_id = baggage.sentry().get("trace_id")?;
    (trace_id != sentry.trace_id().to_string()).then_some(Rule::Se11)
}

/// The baggage that stands in a carrier, without Sentry's members if those are to be replaced.
fn existing_baggage<C: Injector + ?Sized>(carrier: &C, replace_sentry: bool) -> Option<Baggage> {
    let mut received = Received::new(FieldSet::of(&[Field::Baggage]));
    carrier.existing(&mut received);
    let mut baggage = baggage::parse(received.list(Field::Baggage)?, |_| {});
    if replace_sentry {
        baggage.retain(|member| !member.is_sentry());
    }
    Some(baggage)
}

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

        let another_span = W3C.replace("-01", "-00");
        let found = extract(&[("traceparent", &another_span), ("sentry-trace", SENTRY)]);
        assert_eq!(found.context.sampled(), Some(false), "a span of its own has decided");
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
