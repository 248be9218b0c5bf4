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

const fn one(rule: &'static str, case: &'static str, why: &'static str) -> Row {
    Row { rule, case: Some(case), why }
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
    one("BG-5", "bad escapes stay", "what a percent sign without two digits says is left open"),
    all("BG-8", "equal keys should keep their order, but may as well be removed; others have none"),
    one("BG-10", "64 members", "all have the same key: see BG-8"),
    all("BG-11", "what to do with baggage that a request holds already is left open"),
    all("BG-12", "ours: received members are sent on as they came"),
    one("SE-1", "\"00000000000000000000000000000000-0000000000000000-1\"", ZEROS),
    one("SE-1", "trace id of zeros", ZEROS),
    one("SE-1", "span id of zeros", ZEROS),
    one("SE-1", "upper case", UPPER_CASE),
    one("SE-1", "one upper-case digit", UPPER_CASE),
    one("SE-1", "upper case is refused", UPPER_CASE),
    all("SE-2", "ours: several values, unless they are equal, are none"),
    one("SE-8", "a leading zero makes another id", ORGANIZATION),
    one("SE-8", "case makes another id", ORGANIZATION),
    all("SE-11", "ours: a sampling context of another trace is dropped"),
    all("BO-1", "ours: which of two decisions counts"),
    all("BO-2", "ours: which of two traces counts"),
    all("TR-4", "ours: at which length a header is not looked at any more"),
];

const ZEROS: &str = "ours: ids of zeros are none; Sentry's SDKs take them";
const UPPER_CASE: &str = "ours: hex is in lower case; Sentry's specification does not say so";
const ORGANIZATION: &str = "ours: organizations are equal as text; Sentry's SDK reads numbers";

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
