use super::carrier::{Extractor, FieldValue, Injector};
use super::received::Single;
use super::{Extraction, Field, Received, Rule, SentryConfig};
use super::{baggage, sentry_trace, traceparent, tracestate};
use crate::context::{Baggage, Decision, Member, TraceContext, TraceParent, TraceState};

/// A wire format that a [`Propagator`] reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `traceparent` and `tracestate`.
    TraceContext,
    /// `sentry-trace`, and Sentry's members in `baggage`.
    Sentry,
    /// The application's members in `baggage`.
    Baggage,
}

/// Which formats go in and out, which one wins, and what is passed on.
///
/// A plain value: clone it into every layer of a service. The default reads and writes everything,
/// prefers `traceparent` where two headers name different traces, and keeps the application's baggage
/// to itself.
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
    sentry_is_primary: bool,
    forward_baggage: bool,
    sentry: Option<SentryConfig>,
}

impl Propagator {
    /// Reads these formats and no others.
    #[must_use]
    pub fn accept(self, formats: impl IntoIterator<Item = Format>) -> Self {
        Self { accept: Formats::of(formats), ..self }
    }

    /// Writes these formats and no others. What stands in a carrier in another format is left alone.
    #[must_use]
    pub fn emit(self, formats: impl IntoIterator<Item = Format>) -> Self {
        Self { emit: Formats::of(formats), ..self }
    }

    /// Which trace header wins where two name different traces (rule BO-2). Anything but
    /// [`Format::Sentry`] stands for `traceparent`, the default.
    #[must_use]
    pub fn primary(self, format: Format) -> Self {
        Self { sentry_is_primary: format == Format::Sentry, ..self }
    }

    /// Whether the application's baggage is sent on; not by default, since it may hold what another
    /// party should not see. Sentry's members travel with `sentry-trace` in any case.
    #[must_use]
    pub fn forward_baggage(self, forward: bool) -> Self {
        Self { forward_baggage: forward, ..self }
    }

    /// Describes the traces that begin here to Sentry, and checks where continued ones come from.
    #[must_use]
    pub fn sentry(self, config: SentryConfig) -> Self {
        Self { sentry: Some(config), ..self }
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
        let (parent, from_sentry) = self.combine(w3c, sentry, &mut found);
        if self.accept.sentry && !baggage.sentry().is_empty() {
            if let Some(rule) = sampling_context_refused(sentry.as_ref(), from_sentry, &baggage) {
                baggage.retain(|member| !member.is_sentry());
                found.refuse(Field::Baggage, rule);
            }
        }
        let state = if w3c.is_some_and(|w3c| Some(w3c.trace_id()) == parent.map(|p| p.trace_id())) {
            state_in(received, &mut found)
        } else {
            if w3c.is_none() && received.list(Field::TraceState).is_some() {
                found.refuse(Field::TraceState, Rule::Ts1);
            }
            TraceState::default()
        };
        found.context = TraceContext::from_parts(parent, state, baggage, from_sentry);
        found
    }

    /// One parent from two headers, and whether Sentry's members belong to it (rules BO-1 and BO-2).
    fn combine(
        &self,
        w3c: Option<TraceParent>,
        sentry: Option<TraceParent>,
        found: &mut Extraction,
    ) -> (Option<TraceParent>, bool) {
        let (w3c, sentry) = match (w3c, sentry) {
            (w3c, None) => return (w3c, false),
            (None, Some(sentry)) => return (Some(sentry), true),
            (Some(w3c), Some(sentry)) => (w3c, sentry),
        };
        if w3c.trace_id() == sentry.trace_id() {
            let decision = match sentry.decision() {
                Decision::Deferred => w3c.decision(),
                explicit => explicit,
            };
            let span = if self.sentry_is_primary { sentry } else { w3c };
            return (Some(span.with_decision(decision).with_random(w3c.random())), true);
        }
        if self.sentry_is_primary {
            found.link = Some(w3c);
            found.refuse(Field::TraceParent, Rule::Bo2);
            (Some(sentry), true)
        } else {
            found.link = Some(sentry);
            found.refuse(Field::SentryTrace, Rule::Bo2);
            (Some(w3c), false)
        }
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
        if !self.accept.baggage {
            // Only Sentry's members were asked for.
            baggage.retain(|member| member.is_sentry());
        }
        baggage
    }

    /// Writes the context into the carrier. Every trace field that stands there in an emitted format
    /// is replaced (rule BO-3), or removed if there is nothing to send (rule TP-9); baggage is added
    /// to (rule BG-11).
    pub fn inject<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        if self.emit.trace_context {
            inject_trace_context(context, carrier);
        }
        if self.emit.sentry {
            match context.parent() {
                Some(parent) => sentry_trace::format(parent, |text| {
                    carrier.set(Field::SentryTrace, FieldValue::text(text));
                }),
                None => carrier.remove(Field::SentryTrace),
            }
        }
        if self.emit.sentry || self.emit.baggage {
            self.inject_baggage(context, carrier);
        }
    }

    fn inject_baggage<C: Injector + ?Sized>(&self, context: &TraceContext, carrier: &mut C) {
        let described = self.describe(context);
        let sentry = described.as_ref().unwrap_or(context.baggage());
        let send_sentry = self.emit.sentry && context.parent().is_some();
        let send_other = self.emit.baggage && self.forward_baggage;

        let existing = existing_baggage(carrier, self.emit.sentry);
        let ours = |member: &Member<'_>| if member.is_sentry() { send_sentry } else { send_other };
        let whole =
            existing.is_none() && described.is_none() && context.baggage().iter().all(|m| ours(&m));
        let out = if whole {
            context.baggage().clone()
        } else {
            let other = context.baggage().iter().filter(|m| !m.is_sentry() && send_other);
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
        config.describe(parent, &mut baggage);
        Some(baggage)
    }
}

impl Default for Propagator {
    fn default() -> Self {
        let all = Formats { trace_context: true, sentry: true, baggage: true };
        Self {
            accept: all,
            emit: all,
            sentry_is_primary: false,
            forward_baggage: false,
            sentry: None,
        }
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

fn inject_trace_context<C: Injector + ?Sized>(context: &TraceContext, carrier: &mut C) {
    match context.parent() {
        Some(parent) => {
            let text = traceparent::format(parent);
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

/// The baggage that stands in a carrier, without Sentry's members if those are to be replaced.
fn existing_baggage<C: Injector + ?Sized>(carrier: &C, replace_sentry: bool) -> Option<Baggage> {
    let mut received = Received::new([Field::Baggage]);
    carrier.existing(&mut received);
    let mut baggage = baggage::parse(received.list(Field::Baggage)?, |_| {});
    if replace_sentry {
        baggage.retain(|member| !member.is_sentry());
    }
    Some(baggage)
}

#[derive(Clone, Copy, Debug)]
struct Formats {
    trace_context: bool,
    sentry: bool,
    baggage: bool,
}

impl Formats {
    fn of(formats: impl IntoIterator<Item = Format>) -> Self {
        let mut set = Self { trace_context: false, sentry: false, baggage: false };
        for format in formats {
            match format {
                Format::TraceContext => set.trace_context = true,
                Format::Sentry => set.sentry = true,
                Format::Baggage => set.baggage = true,
            }
        }
        set
    }

    fn fields(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |field| match field {
            Field::TraceParent | Field::TraceState => self.trace_context,
            Field::SentryTrace => self.sentry,
            Field::Baggage => self.baggage || self.sentry,
        })
    }
}

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
    fn bo_2_the_primary_header_wins_and_the_other_becomes_a_link() {
        let dsc = "sentry-trace_id=11111111111111111111111111111111,a=1";
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
        let dsc = "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,sentry-release=a%20b";
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
        let dsc = "sentry-trace_id=0af7651916cd43dd8448eb211c80319c,b=2";
        let context = extract(&[("sentry-trace", SENTRY), ("baggage", dsc)]).context;
        let there = [("baggage", "a=1,sentry-release=old")];
        let baggage = |propagator: &Propagator| {
            let sent = inject(propagator, &context, &there);
            sent.into_iter().find(|(name, _)| name == "baggage").unwrap().1
        };
        assert_eq!(baggage(&Propagator::default()), format!("sentry-trace_id={TRACE},a=1"));
        assert_eq!(
            baggage(&Propagator::default().forward_baggage(true)),
            format!("sentry-trace_id={TRACE},a=1,b=2")
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
