//! One cell of the matrix: a chain of services, and what has to be true of it.

use std::fmt::Display;

use crate::peer::Sdk;
use crate::report::{Decision, Report, Wire, decoded};
use crate::us::{Hop, Us};

/// The kind of chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// An SDK begins, we continue.
    ToUs,
    /// We begin, an SDK continues and calls us again.
    FromUs,
    /// We begin and write one format only.
    OneFormat,
    /// An SDK begins, we stand in the middle, an SDK of the other dialect ends and calls us again.
    Between,
    /// As before, and behind the second SDK come we again and one of the first dialect.
    Fleet,
}

impl Group {
    pub(crate) const ALL: [Self; 5] =
        [Self::ToUs, Self::FromUs, Self::OneFormat, Self::Between, Self::Fleet];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ToUs => "SDK, us",
            Self::FromUs => "us, SDK, us",
            Self::OneFormat => "us with one format, SDK",
            Self::Between => "SDK, us, other SDK, us",
            Self::Fleet => "SDK, us, other SDK, us, SDK",
        }
    }
}

/// Whose doing a check is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Us,
    Sdk(Sdk),
}

impl Owner {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Us => "throughline",
            Self::Sdk(sdk) => sdk.name(),
        }
    }
}

/// A comparison that was made.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) owner: Owner,
    pub(crate) what: &'static str,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// Headers that it is about.
    pub(crate) wire: Wire,
}

/// A chain of services with all its comparisons.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) group: Group,
    /// The chain in words.
    pub(crate) chain: String,
    /// Decision at the head.
    pub(crate) decision: Decision,
    /// Whether the head's application has baggage.
    pub(crate) baggage: bool,
    pub(crate) checks: Vec<Check>,
}

impl Cell {
    pub(crate) fn new(group: Group, chain: String, decision: Decision, baggage: bool) -> Self {
        Self { group, chain, decision, baggage, checks: Vec::new() }
    }

    /// Notes one comparison.
    pub(crate) fn compare(
        &mut self,
        owner: Owner,
        what: &'static str,
        wire: &Wire,
        expected: impl Display,
        got: impl Display,
    ) {
        let (expected, got) = (expected.to_string(), got.to_string());
        self.checks.push(Check { owner, what, expected, got, wire: wire.clone() });
    }

    /// What an SDK put on the wire for a trace that it began.
    pub(crate) fn sdk_began(&mut self, sdk: Sdk, head: &Report, wire: &Wire, baggage: Baggage<'_>) {
        let owner = Owner::Sdk(sdk);
        let ids = [wire.w3c(1), wire.sentry(0)].into_iter().flatten();
        let agree = ids.into_iter().all(|id| id == head.trace_id);
        self.compare(owner, "sends its trace id", wire, true, agree && wire.trace_id().is_some());
        self.compare(owner, "sends its decision", wire, self.decision, known(wire.decision()));
        if let (Some(one), Some(other)) = (wire.w3c(2), wire.sentry(1)) {
            self.compare(owner, "names one parent in both headers", wire, true, one == other);
        }
        let described = decoded(&wire.dsc());
        let value = |name: &str| {
            described.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
        };
        if sdk.is_sentry() {
            let id = value("sentry-trace_id").unwrap_or_default();
            self.compare(owner, "describes the trace that it sends", wire, &head.trace_id, id);
            if let Some(rand) = value("sentry-sample_rand") {
                self.compare(owner, "digits of sample_rand", wire, "6", digits(rand));
            }
        }
        let expected: Vec<_> = baggage.unwrap_or_default().iter().copied().map(owned).collect();
        let got = decoded(&wire.application());
        self.compare(owner, "sends the application's baggage", wire, SAME, diff(&expected, &got));
    }

    /// What we made of the headers that came.
    pub(crate) async fn we_continued(
        &mut self,
        us: &Us,
        hop: Hop,
        report: &Report,
    ) -> anyhow::Result<()> {
        let wire = report.wire();
        self.compare(
            Owner::Us,
            "continues the trace",
            &wire,
            known(wire.trace_id()),
            &report.trace_id,
        );
        let own = report.parent_id.clone().unwrap_or_default();
        let decision = decision_behind(hop, wire.decision());
        self.compare(
            Owner::Us,
            "keeps the decision",
            &wire,
            known(decision),
            known(report.decision),
        );
        match hop {
            Hop::Pass => {
                self.compare(Owner::Us, "keeps the parent", &wire, known(wire.parent_id()), own);
            }
            Hop::Span if report.decision == Some(Decision::Sampled) => {
                let span = us.span(&own).await?;
                let parent = span.parent_span_id.unwrap_or_default();
                self.compare(Owner::Us, "keeps the parent", &wire, known(wire.parent_id()), parent);
                self.compare(
                    Owner::Us,
                    "has its span in the trace",
                    &wire,
                    &report.trace_id,
                    span.trace_id,
                );
            }
            Hop::Span => {
                let new = wire.parent_id() != Some(&own);
                self.compare(Owner::Us, "has a span of its own", &wire, true, new);
            }
        }
        // Without sentry-trace, Sentry's members are ignored (rule SE-5).
        let alone = wire.sentry_trace.is_empty();
        let list = if alone { wire.application() } else { wire.baggage_list() };
        let kept = without_drawn_rand(&wire, &report.kept_baggage);
        self.compare(Owner::Us, "keeps the baggage's bytes", &wire, list, kept);
        self.compare(Owner::Us, "keeps the random bit", &wire, wire.random(), report.kept_random);
        Ok(())
    }

    /// What we sent on.
    pub(crate) async fn we_sent_on(
        &mut self,
        us: &Us,
        hop: Hop,
        report: &Report,
        sent: &Wire,
    ) -> anyhow::Result<()> {
        let received = report.wire();
        self.one_of_each(sent);
        let (trace, sent_trace) = (known(received.trace_id()), known(sent.trace_id()));
        self.compare(Owner::Us, "sends the trace id on", sent, trace, sent_trace);
        let decision = decision_behind(hop, received.decision());
        self.compare(
            Owner::Us,
            "sends the decision on",
            sent,
            known(decision),
            known(sent.decision()),
        );
        let parent = sent.parent_id().unwrap_or_default();
        match hop {
            Hop::Pass => {
                let received = known(received.parent_id());
                self.compare(Owner::Us, "sends the parent on", sent, received, parent);
            }
            Hop::Span if report.decision == Some(Decision::Sampled) => {
                let span = us.span(parent).await?;
                let above = span.parent_span_id.unwrap_or_default();
                let own = known(report.parent_id.as_deref());
                self.compare(Owner::Us, "calls from its own span", sent, own, above);
            }
            Hop::Span => {}
        }
        let dsc = if received.sentry_trace.is_empty() { String::new() } else { received.dsc() };
        let sent_dsc = without_drawn_rand(&received, &sent.dsc());
        self.compare(Owner::Us, "sends the DSC's bytes on", sent, dsc, sent_dsc);
        let (application, sent_application) = (received.application(), sent.application());
        self.compare(
            Owner::Us,
            "sends the application's bytes on",
            sent,
            application,
            sent_application,
        );
        self.compare(Owner::Us, "sends the random bit on", sent, received.random(), sent.random());
        Ok(())
    }

    /// What we put on the wire for a trace that we began.
    pub(crate) async fn we_began(
        &mut self,
        us: &Us,
        sent: &Wire,
        baggage: Baggage<'_>,
    ) -> anyhow::Result<()> {
        self.one_of_each(sent);
        self.compare(Owner::Us, "sends its decision", sent, self.decision, known(sent.decision()));
        if self.decision == Decision::Sampled {
            let span = us.span(sent.parent_id().unwrap_or_default()).await?;
            self.compare(Owner::Us, "sends its span", sent, known(sent.trace_id()), span.trace_id);
        }
        let expected: Vec<_> = baggage.unwrap_or_default().iter().copied().map(owned).collect();
        let got = decoded(&sent.application());
        self.compare(
            Owner::Us,
            "sends the application's baggage",
            sent,
            SAME,
            diff(&expected, &got),
        );
        self.compare(
            Owner::Us,
            "describes the trace",
            sent,
            baggage.is_some(),
            !sent.dsc().is_empty(),
        );
        Ok(())
    }

    fn one_of_each(&mut self, sent: &Wire) {
        let counts = (sent.traceparent.len(), sent.sentry_trace.len(), sent.baggage.len().min(1));
        let expected = (1, 1, sent.baggage.len());
        self.compare(Owner::Us, "sends each header once", sent, text(expected), text(counts));
        let ids = (sent.sentry(0), sent.sentry(1));
        self.compare(
            Owner::Us,
            "says the same twice",
            sent,
            text((sent.w3c(1), sent.w3c(2))),
            text(ids),
        );
        // A deferred decision has no form in traceparent but "not sampled".
        let flag = sent.decision() == Some(Decision::Sampled);
        let w3c = sent.w3c_decision() == Some(Decision::Sampled);
        self.compare(Owner::Us, "sets the sampled flag", sent, flag, w3c);
    }

    /// What an SDK says that it read.
    pub(crate) fn sdk_read(&mut self, sdk: Sdk, report: &Report) {
        let owner = Owner::Sdk(sdk);
        let wire = &report.wire();
        let (ids, decision, list) = if sdk.is_sentry() {
            ((wire.sentry(0), wire.sentry(1)), wire.decision(), wire.dsc())
        } else {
            ((wire.w3c(1), wire.w3c(2)), wire.w3c_decision(), wire.baggage_list())
        };
        self.compare(owner, "reads the trace id", wire, known(ids.0), &report.trace_id);
        self.compare(
            owner,
            "reads the parent",
            wire,
            known(ids.1),
            known(report.parent_id.as_deref()),
        );
        self.compare(owner, "reads the decision", wire, known(decision), known(report.decision));
        let expected = decoded(&list);
        let mut got = report.baggage.clone();
        // Filling the gap is what Sentry's rules ask for.
        if !list.contains(SAMPLE_RAND) {
            got.retain(|(key, _)| key != SAMPLE_RAND);
        }
        self.compare(owner, "reads the baggage", wire, SAME, diff(&expected, &got));
    }

    /// What an SDK sent on of what it received, by way of spans or without.
    pub(crate) fn sdk_sent_on(&mut self, sdk: Sdk, hop: Hop, received: &Wire, sent: &Wire) {
        let owner = Owner::Sdk(sdk);
        let (trace, sent_trace) = (known(received.trace_id()), known(sent.trace_id()));
        self.compare(owner, "sends the trace id on", sent, trace, sent_trace);
        let decision = if sdk.is_sentry() {
            decision_behind(hop, received.decision())
        } else {
            received.w3c_decision()
        };
        self.compare(owner, "sends the decision on", sent, known(decision), known(sent.decision()));
        let filled = |mut members: Vec<(String, String)>| {
            // The one member that may be added to a DSC that came in (rule SE-4).
            if !received.dsc().contains(SAMPLE_RAND) {
                members.retain(|(key, _)| key != SAMPLE_RAND);
            }
            members
        };
        let values = diff(&decoded(&received.dsc()), &filled(decoded(&sent.dsc())));
        if values == SAME {
            let bytes = diff(&raw(&received.dsc()), &filled(raw(&sent.dsc())));
            self.compare(owner, "sends the DSC's bytes on", sent, SAME, bytes);
        }
        self.compare(owner, "sends the DSC's values on", sent, SAME, values);
        let application = (decoded(&received.application()), decoded(&sent.application()));
        let application = diff(&application.0, &application.1);
        self.compare(owner, "sends the application's baggage on", sent, SAME, application);
        if !sdk.is_sentry() {
            self.compare(owner, "sends the random bit on", sent, received.random(), sent.random());
        }
    }
}

/// Members that an application sets.
pub(crate) type Baggage<'a> = Option<&'a [(&'a str, &'a str)]>;

/// What comes out of a hop that decides if nobody has.
fn decision_behind(hop: Hop, decision: Option<Decision>) -> Option<Decision> {
    match (hop, decision) {
        (Hop::Span, Some(Decision::Deferred)) => Some(Decision::Sampled),
        _ => decision,
    }
}

/// The list without the `sample_rand` that we put at the end of a DSC that came without (rule SE-4).
fn without_drawn_rand(received: &Wire, list: &str) -> String {
    let gap = !received.dsc().is_empty() && !received.dsc().contains(SAMPLE_RAND);
    let drawn = if gap { list.rsplit_once(",sentry-sample_rand=0.") } else { None };
    match drawn {
        Some((rest, digits)) if digits.len() == 6 => rest.to_owned(),
        _ => list.to_owned(),
    }
}

/// What became of the members, by key.
fn diff(expected: &[(String, String)], got: &[(String, String)]) -> String {
    let find = |list: &[(String, String)], key: &str| {
        list.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    };
    let mut found = Vec::new();
    for (key, value) in expected {
        match find(got, key) {
            None => found.push(format!("{key} lost")),
            Some(other) if !same_value(key, value, &other) => found.push(format!("{key} changed")),
            Some(_) => {}
        }
    }
    let added = got.iter().filter(|(key, _)| find(expected, key).is_none());
    found.extend(added.map(|(key, _)| format!("{key} added")));
    if found.is_empty() && expected.len() != got.len() {
        found.push("members repeated".to_owned());
    }
    let all_lost = !expected.is_empty() && got.is_empty();
    let all_added = got.len() > FEW && expected.is_empty();
    match (found.is_empty(), all_lost, all_added) {
        (true, ..) => SAME.to_owned(),
        (_, true, _) => "all lost".to_owned(),
        (.., true) => "made up".to_owned(),
        _ => found.join(", "),
    }
}

/// How many digits a random number is printed with says nothing: one that ends in 0 loses it in an SDK
/// that keeps it as a number, and that happens in one trace of ten.
fn same_value(key: &str, one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| key == SAMPLE_RAND);
    one == other || number(one).zip(number(other)).is_some_and(|(one, other)| one == other)
}

/// The members of a list with their values as they stand there.
fn raw(list: &str) -> Vec<(String, String)> {
    list.split(',').filter_map(|member| member.split_once('=')).map(owned).collect()
}

fn digits(rand: &str) -> &'static str {
    match rand.split_once('.').map_or(0, |(_, digits)| digits.len()) {
        6 => "6",
        0..6 => "fewer",
        _ => "more",
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn known(value: Option<impl Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn text(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

/// More members than this in an empty list are a list of its own.
const FEW: usize = 2;
const SAME: &str = "same";
const SAMPLE_RAND: &str = "sentry-sample_rand";

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().copied().map(owned).collect()
    }

    #[test]
    fn a_difference_names_keys_and_no_values() {
        let before = pairs(&[("a", "1"), ("b", "2")]);
        assert_eq!(diff(&before, &before), "same");
        assert_eq!(diff(&before, &[]), "all lost");
        assert_eq!(diff(&[], &before), "a added, b added");
        assert_eq!(diff(&[], &pairs(&[("a", "1"), ("b", "2"), ("c", "3")])), "made up");
        let after = pairs(&[("a", "3"), ("c", "4")]);
        assert_eq!(diff(&before, &after), "a changed, b lost, c added");
        let rand = |digits| pairs(&[(SAMPLE_RAND, digits)]);
        assert_eq!(diff(&rand("0.50"), &rand("0.5")), "same");
        assert_ne!(diff(&rand("0.50"), &rand("0.51")), "same");
        let twice = pairs(&[("a", "1"), ("b", "2"), ("a", "1")]);
        assert_eq!(diff(&before, &twice), "members repeated");
    }

    #[test]
    fn only_a_drawn_number_is_taken_away_and_only_from_a_list_that_had_none() {
        let wire = |list: &str| Wire {
            traceparent: Vec::new(),
            sentry_trace: Vec::new(),
            baggage: vec![list.to_owned()],
        };
        let drawn = "sentry-a=1,sentry-sample_rand=0.123456";
        assert_eq!(without_drawn_rand(&wire("sentry-a=1"), drawn), "sentry-a=1");
        assert_eq!(without_drawn_rand(&wire(drawn), drawn), drawn);
        assert_eq!(
            without_drawn_rand(&wire("b=1"), drawn),
            drawn,
            "a frozen empty DSC stays empty"
        );
    }
}
