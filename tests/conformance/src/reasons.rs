//! What peers do, where they get a rule wrong.

use crate::verdict::{Outcome, Verdict};

/// The reason of a peer's errors in a rule; the difference of its first one where none is listed.
pub(crate) fn reason(peer: &str, rule: &str, verdicts: &[Verdict]) -> String {
    if let Some((.., reason)) = REASONS.iter().find(|row| is(row, peer, rule)) {
        return (*reason).to_owned();
    }
    let first = verdicts.iter().find_map(|verdict| match &verdict.outcome {
        Outcome::Wrong(difference) if verdict.peer == peer && verdict.rule == rule => {
            Some(format!("{}: {difference}", verdict.case))
        }
        _ => None,
    });
    first.unwrap_or_default()
}

/// Reasons of errors that nobody makes any more.
#[must_use]
pub fn outdated(verdicts: &[Verdict]) -> Vec<String> {
    let seen = |row: &&(&str, &str, &str)| {
        verdicts.iter().any(|verdict| {
            is(row, &verdict.peer, &verdict.rule) && matches!(verdict.outcome, Outcome::Wrong(_))
        })
    };
    let gone = REASONS.iter().filter(|row| !seen(row));
    gone.map(|(peer, rule, reason)| format!("no longer seen: {peer} {rule}: {reason}")).collect()
}

fn is((name, known, _): &(&str, &str, &str), peer: &str, rule: &str) -> bool {
    *known == rule && peer.split(' ').next() == Some(name)
}

/// Peer without its version, rule, reason.
const REASONS: &[(&str, &str, &str)] = &[
    (
        "OpenTelemetry",
        "TP-3",
        "parses fields of any length as numbers, with `+` and a version in upper case, and takes a `-` \
         at the end: an id with a digit missing or too many becomes another id, and the trace goes on \
         under it",
    ),
    ("OpenTelemetry", "TP-4", "continues a later version whose flags have one digit or three"),
    ("OpenTelemetry", "TP-5", "takes the first of several `traceparent` lines"),
    ("OpenTelemetry", "TS-2", "reads the first `tracestate` line and drops the others"),
    ("OpenTelemetry", "TS-3", "as TS-2: the second line is lost"),
    (
        "OpenTelemetry",
        "TS-4",
        "sends an empty `tracestate` wherever it has none, and counts empty members among the 32; of \
         several lines, see TS-2",
    ),
    (
        "OpenTelemetry",
        "TS-5",
        "`TraceState::insert` takes values with a line break, or a space at the end",
    ),
    (
        "OpenTelemetry",
        "TS-7",
        "sends on members with an empty key or value, or with a tab; does not see bad ones behind the \
         first line",
    ),
    (
        "OpenTelemetry",
        "TS-9",
        "keeps the first 32 of 33 members; of several lines, those on the first",
    ),
    ("OpenTelemetry", "BG-1", "decodes keys: `a%2Db` goes out as `a-b`"),
    ("OpenTelemetry", "BG-2", "reads the first `baggage` line and drops the others"),
    ("OpenTelemetry", "BG-3", "trims values after decoding them: encoded spaces get lost"),
    ("OpenTelemetry", "BG-4", "cuts a value off at the second `=`"),
    (
        "OpenTelemetry",
        "BG-5",
        "does not encode `%`: `%2541` goes out as `%41`, which the next service reads as `A`; trims \
         values and cuts them off as in BG-3 and BG-4",
    ),
    ("OpenTelemetry", "BG-6", "drops a member whose value is no UTF-8"),
    (
        "OpenTelemetry",
        "BG-7",
        "decodes properties and does not encode them again: an encoded comma in one begins another \
         member, an encoded line break loses all baggage of the request",
    ),
    ("OpenTelemetry", "BG-10", "as BG-3: nothing is left of a value that is all spaces"),
    (
        "fastrace",
        "TP-3",
        "parses fields of any length as numbers, in upper case and with `+` too: an id with a digit \
         missing or too many becomes another id, and the trace goes on under it",
    ),
    ("fastrace", "TP-4", "refuses every version but 00: the trace breaks"),
    ("fastrace", "TP-5", "takes the last of several `traceparent` lines"),
    ("fastrace", "TS-4", "sends a list on that has nothing but commas"),
    ("fastrace", "TS-7", "sends every list on without looking into it"),
    ("fastrace", "TS-9", "as above: 33 members go on"),
    ("Sentry", "SE-1", "takes anything but `0` and `1` behind the second dash for no decision"),
    ("Datadog", "TP-3", "continues a version 00 that ends with `-`"),
    (
        "Datadog",
        "TP-7",
        "refuses flags above `02`, among them the `03` that Level 2 sends: the trace breaks",
    ),
    ("Datadog", "TS-3", "drops a list with white space before a key"),
    ("Datadog", "TS-4", "drops a list with an empty member"),
    (
        "Datadog",
        "TS-7",
        "sends on members with an empty key, a tab in the value, or nothing but spaces for it",
    ),
    ("Datadog", "TS-9", "keeps the first 32 of 33 members"),
    ("Datadog", "BG-1", "decodes keys: `a%2Db` goes out as `a-b`"),
    ("Datadog", "BG-2", "reads the first `baggage` line and drops the others"),
    ("Datadog", "BG-3", "trims values after decoding them: encoded spaces get lost"),
    (
        "Datadog",
        "BG-4",
        "takes an empty value for a mistake, and drops that member and all behind it; cuts a value off \
         at the second `=`",
    ),
    (
        "Datadog",
        "BG-5",
        "sends by OpenTelemetry's propagator, which does not encode `%`: the next service reads \
         another value; trims values and cuts them off as in BG-3 and BG-4",
    ),
    ("Datadog", "BG-6", "drops a member whose value is no UTF-8, and all behind it"),
    (
        "Datadog",
        "BG-7",
        "decodes properties and does not encode them again: an encoded comma in one begins another \
         member, an encoded line break loses all baggage of the request",
    ),
    ("Datadog", "BG-9", "drops everything behind a bad member"),
    ("Datadog", "BG-10", "as BG-3 and BG-4: nothing is left of a value that is all spaces"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(peer: &str, rule: &str, wrong: Option<&str>) -> Verdict {
        let outcome = wrong.map_or(Outcome::Right, |text| Outcome::Wrong(text.to_owned()));
        let [peer, rule, case] = [peer, rule, "case"].map(str::to_owned);
        Verdict { peer, rule, case, outcome }
    }

    #[test]
    fn an_error_without_a_reason_is_shown_as_it_is() {
        let verdicts = [verdict("Datadog 9.9", "TP-1", Some("sent nothing"))];
        assert_eq!(reason("Datadog 9.9", "TP-1", &verdicts), "case: sent nothing");
        assert!(reason("Datadog 9.9", "BG-9", &[]).starts_with("drops everything"));
    }

    #[test]
    fn a_reason_that_nothing_shows_any_more_is_told() {
        let count = |wrong| outdated(&[verdict("Datadog 9.9", "BG-9", wrong)]).len();
        assert_eq!(count(Some("sent nothing")), REASONS.len() - 1);
        assert_eq!(count(None), REASONS.len());
    }
}
