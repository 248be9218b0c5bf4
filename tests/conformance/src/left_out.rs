//! Cases that nobody is asked about, this library neither: `tests/integration/vectors/` judges it.

use http::HeaderValue;
use serde_json::Value;

/// Why a case is put to nobody; none if it is put to whoever claims its headers.
pub(crate) fn left_out(section: &str, case: &Value) -> Option<&'static str> {
    match section {
        "messages" => Some(MESSAGES),
        "sentry_sample_rand" => Some(SAMPLE_RAND),
        "tracestate_mutation" if case["op"][0] == "fit" => Some(SHORTENING),
        "propagate" if case["trust"].is_string() => Some(TRUST),
        "propagate" if case["begins"] == true => Some(HEADS),
        "propagate" => by_options(case),
        _ => None,
    }
}

fn by_options(case: &Value) -> Option<&'static str> {
    let options = &case["options"];
    let formats = ["accept", "emit"].into_iter().filter_map(|side| options[side].as_array());
    if formats.flatten().any(|format| !FORMATS.iter().any(|known| format == known)) {
        return Some(OTHER_FORMATS);
    }
    let rule = case["rule"].as_str().unwrap_or_default();
    let mut names = options.as_object().into_iter().flat_map(|options| options.keys());
    let has_setting = names.any(|name| !SETTINGS.contains(&name.as_str()));
    (has_setting || rule.starts_with("TR-3")).then_some(OTHER_SETTINGS)
}

/// Whether a header can hold the value, and its reader gets it as text.
pub(crate) fn is_text(value: &str) -> bool {
    HeaderValue::from_bytes(value.as_bytes()).is_ok_and(|value| value.to_str().is_ok())
}

/// Formats whose headers are compared.
const FORMATS: [&str; 3] = ["tracecontext", "baggage", "sentry"];

/// Settings that say which headers are read and written, and those that Sentry's SDK has too.
const SETTINGS: [&str; 5] = ["accept", "emit", "forward_baggage", "random_bit", "sentry"];

const MESSAGES: &str = "are about contexts inside messages, which no other crate here reads";
const SAMPLE_RAND: &str = "are about `sample_rand`, which no other crate here sends";
const SHORTENING: &str = "shorten a `tracestate`, for which no other crate here has a function";
const TRUST: &str = "are about callers that are not trusted: no specification says what is \
                     kept of them";
const HEADS: &str = "begin a trace and describe it for Sentry, which no other crate here does";
const OTHER_FORMATS: &str = "are about headers of B3, Datadog, X-Ray or gRPC, which are not \
                             compared";
const OTHER_SETTINGS: &str = "are about a setting of this library";
pub(crate) const NO_TEXT: &str = "have a value that HTTP refuses or does not give as text, such as \
                                  one with a line break or an `é`: no propagator sees it";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, Task};
    use crate::{VECTORS, cases};

    fn reason(case: &Case) -> Option<&'static str> {
        match case.task {
            Task::LeftOut(why) => Some(why),
            _ => None,
        }
    }

    fn reason_of(cases: &[Case], name: &str) -> Option<&'static str> {
        reason(cases.iter().find(|case| case.name == name).unwrap())
    }

    #[test]
    fn every_reason_has_its_cases() {
        let cases = cases(VECTORS).unwrap();
        for (why, case) in [
            (MESSAGES, "_sentry without baggage"),
            (SHORTENING, "fit 0: nothing is left"),
            (TRUST, "a restart sends no state"),
            (TRUST, "trust: continue"),
            (HEADS, "public key and organization come from the DSN"),
            (OTHER_FORMATS, "grpc-trace-bin: 28 bytes"),
            (OTHER_FORMATS, "stale headers of other formats go too"),
            (OTHER_SETTINGS, "tracestate is shortened by whole members, long ones first"),
            (OTHER_SETTINGS, "baggage is closed by default"),
            (NO_TEXT, "CR LF behind"),
            (NO_TEXT, "value with non-ASCII"),
        ] {
            assert_eq!(reason_of(&cases, case), Some(why), "{case}");
        }
        assert!(cases.iter().any(|case| case.rule == "SE-7" && reason(case) == Some(SAMPLE_RAND)));
    }

    #[test]
    fn what_a_peer_can_be_asked_is_not_left_out() {
        let cases = cases(VECTORS).unwrap();
        for case in [
            "sampled",
            "long white space",
            "update moves left",
            "a percent sign is always encoded",
            "64 members kept",
            "what stands in the request stays, ours is added",
            "the switch for new traces leaves a received bit alone",
            "strict: the same organization continues",
            "hundreds of bad members are refused within bounds",
        ] {
            assert_eq!(reason_of(&cases, case), None, "{case}");
        }
    }
}
