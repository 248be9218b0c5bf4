//! Cases in which coming out otherwise is no error.

/// Why a case is counted apart; none if a specification decides it.
#[must_use]
pub fn apart(rule: &str, case: &str) -> Option<&'static str> {
    let matches = |row: &&Row| row.rule == rule && row.case.is_none_or(|name| name == case);
    APART.iter().find(matches).map(|row| row.why)
}

struct Row {
    rule: &'static str,
    /// One case; none: all of the rule.
    case: Option<&'static str>,
    why: &'static str,
}

const fn all(rule: &'static str, why: &'static str) -> Row {
    Row { rule, case: None, why }
}

const APART: &[Row] = &[
    all("TP-2", "an HTTP server removes white space around a value before anybody reads it"),
    all("TP-6", "the random bit came with Level 2 of Trace Context; by Level 1 it is zeroed"),
    all("TP-9", "who uses a request again may clear it first"),
    all("TP-10", "a service that takes part in a trace may write its headers anew"),
    all("TS-6", "Level 2 allows these keys, Level 1 not all of them"),
    all(
        "TS-8",
        "nobody may send a key twice, but what to do with one that was received is left open",
    ),
    all("BG-8", "equal keys should keep their order, but may as well be removed; others have none"),
    all("BG-11", "what to do with baggage that a request holds already is left open"),
    all("BG-12", "ours: received members are sent on as they came"),
    Row {
        rule: "SE-1",
        case: Some("\"00000000000000000000000000000000-0000000000000000-1\""),
        why: "ours: ids of zeros are none; Sentry's SDKs take them",
    },
    all("SE-2", "ours: several values, unless they are equal, are none"),
    all("SE-11", "ours: a sampling context of another trace is dropped"),
    all("BO-1", "ours: which of two decisions counts"),
    all("BO-2", "ours: which of two traces counts"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{VECTORS, cases};

    #[test]
    fn what_is_apart_is_in_the_vectors() {
        let cases = cases(VECTORS).unwrap();
        for row in APART {
            let known = cases
                .iter()
                .any(|case| case.rule == row.rule && row.case.is_none_or(|name| name == case.name));
            assert!(known, "{} {:?}", row.rule, row.case);
        }
    }

    #[test]
    fn a_case_is_apart_and_the_others_of_its_rule_are_not() {
        assert!(apart("SE-1", "\"00000000000000000000000000000000-0000000000000000-1\"").is_some());
        assert!(apart("SE-1", "\"1\"").is_none());
        assert!(apart("TP-3", "empty").is_none());
    }
}
