//! Each header that is wrong in one way is told by that rule, and no value of a list is shown.

use http::{HeaderMap, HeaderName, HeaderValue};
use throughline::context::{Decision, TraceParent};
use throughline::propagation::Field;
use throughline_testkit::headers::{
    assert_continues, assert_continues_for_sentry, assert_no_trace, assert_passed_on, continues,
};
use throughline_testkit::{Caller, Sdk};

use super::panic_message;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const IDS: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
const OTHER: &str = "00000000000000000000000000000001-0000000000000002";

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn span(decision: Decision) -> TraceParent {
    Caller::new(Sdk::OpenTelemetry).with_decision(decision).parent()
}

/// The message about these headers, which should continue a sampled span.
fn differences(fields: &[(&'static str, &str)]) -> Vec<String> {
    let result = continues(&headers(fields), span(Decision::Sampled), Field::TraceParent);
    let text = result.expect_err("no difference").to_string();
    text.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn what_every_sdk_sends_continues_its_own_span() {
    for sdk in Sdk::ALL {
        for decision in [Decision::Sampled, Decision::NotSampled, Decision::Deferred] {
            let caller = Caller::new(sdk)
                .with_decision(decision)
                .with_trace_state("v=1".parse().unwrap())
                .with_baggage("tenant", "7");
            if sdk.is_sentry() {
                assert_continues_for_sentry(&caller.headers(), &caller);
            } else {
                assert_continues(&caller.headers(), &caller);
            }
        }
    }
}

#[test]
fn the_header_that_is_asked_for_has_to_be_there() {
    let sentry = Caller::new(Sdk::SentryJs);
    assert_eq!(
        panic_message(|| assert_continues(&sentry.headers(), &sentry)),
        "the headers do not continue:\n  traceparent is missing (BO-3)"
    );
    let otel = Caller::new(Sdk::OpenTelemetry);
    assert_eq!(
        panic_message(|| assert_continues_for_sentry(&otel.headers(), &otel)),
        "the headers do not continue:\n  sentry-trace is missing (BO-3)"
    );
}

#[test]
fn each_difference_names_its_rule() {
    let good = format!("00-{IDS}-01");
    let (other, dsc) = (format!("00-{OTHER}-01"), "sentry-release=1");
    let sentry = format!("{IDS}-1");
    for (fields, expected) in [
        (
            vec![("traceparent", &*good), ("traceparent", &*other)],
            "traceparent is there 2 times (BO-3)",
        ),
        (
            vec![("traceparent", &*other), ("traceparent", &*good)],
            "traceparent is there 2 times (BO-3)",
        ),
        (
            vec![("traceparent", &*good), ("traceparent", &*good)],
            "traceparent is there 2 times (BO-3)",
        ),
        (vec![("traceparent", "00-x-y-01")], "traceparent is not a valid version 00 value (TP-3)"),
        (
            vec![("traceparent", &*other)],
            "traceparent names trace 00000000000000000000000000000001, the span is of \
             0af7651916cd43dd8448eb211c80319c (TP-8)",
        ),
        (
            vec![("traceparent", &*format!("00-{TRACE}-0000000000000002-01"))],
            "traceparent names span 0000000000000002, the span is b7ad6b7169203331 (TP-8)",
        ),
        (
            vec![("traceparent", &*format!("00-{IDS}-00"))],
            "traceparent says sampled=false, the span has true (TP-8)",
        ),
        (vec![("traceparent", &*good), ("tracestate", "")], "tracestate is empty (TS-4)"),
        (vec![("traceparent", &*good), ("tracestate", " ")], "tracestate is empty (TS-4)"),
        (
            vec![("traceparent", &*good), ("tracestate", "a=1"), ("tracestate", "b=1")],
            "tracestate is there 2 times (BO-3)",
        ),
        (
            vec![("traceparent", &*good), ("tracestate", "secret")],
            "tracestate has a malformed member (TS-7)",
        ),
        (
            vec![("traceparent", &*good), ("sentry-trace", IDS)],
            "sentry-trace says Deferred, the span has Sampled (SE-3)",
        ),
        (
            vec![("traceparent", &*good), ("sentry-trace", &*sentry), ("sentry-trace", &*sentry)],
            "sentry-trace is there 2 times (BO-3)",
        ),
        (
            vec![("traceparent", &*good), ("baggage", dsc)],
            "baggage has sentry members without a valid sentry-trace (SE-5)",
        ),
        (
            vec![
                ("traceparent", &*good),
                ("sentry-trace", &*sentry),
                ("baggage", &*format!("sentry-trace_id={}", &OTHER[..32])),
            ],
            "baggage has sentry members of another trace (SE-11)",
        ),
        (
            vec![
                ("traceparent", &*good),
                ("sentry-trace", &*sentry),
                ("baggage", dsc),
                ("baggage", dsc),
            ],
            "baggage has a sentry member twice (BG-11)",
        ),
        (
            vec![
                ("traceparent", &*good),
                ("sentry-trace", &*sentry),
                ("baggage", "sentry-sampled=false"),
            ],
            "baggage has sentry-sampled against the span's decision (SE-7)",
        ),
    ] {
        assert_eq!(differences(&fields), [expected], "{fields:?}");
    }
}

#[test]
fn a_stale_sentry_trace_beside_a_new_traceparent_is_told_with_both_rules() {
    let found = differences(&[
        ("traceparent", &format!("00-{IDS}-01")),
        ("sentry-trace", &format!("{OTHER}-1")),
    ]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("names another trace than the primary header (BO-2)"), "{found:?}");
    assert!(found[1].starts_with("sentry-trace names trace 0000"), "{found:?}");
}

#[test]
fn flags_00_are_how_a_traceparent_says_deferred() {
    let both = headers(&[("traceparent", &format!("00-{IDS}-00")), ("sentry-trace", IDS)]);
    assert_continues(&both, span(Decision::Deferred));
    let text = panic_message(|| assert_continues(&both, span(Decision::NotSampled)));
    assert!(text.contains("sentry-trace says Deferred, the span has NotSampled (SE-3)"), "{text}");
}

#[test]
fn no_message_shows_baggage_or_tracestate() {
    let secret = "hunter2";
    for fields in [
        vec![("baggage", format!("user={secret},sentry-a={secret},sentry-a={secret}"))],
        vec![("tracestate", secret.into()), ("baggage", format!("{secret};{secret}"))],
        vec![
            ("sentry-trace", format!("{OTHER}-1")),
            ("baggage", format!("sentry-trace_id={secret}")),
        ],
    ] {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let sent = headers(&fields);
        let all = [
            differences(&fields).join("\n"),
            panic_message(|| assert_passed_on(&headers(&[("tracestate", "hunter2=1")]), &sent)),
            format!("{:?}", Caller::new(Sdk::SentryJs).with_baggage("user", secret)),
        ];
        for text in all {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let text =
        panic_message(|| drop(Caller::new(Sdk::SentryJs).with_baggage("b\u{e4}d hunter2", secret)));
    assert!(!text.contains(secret), "{text}");
}

#[test]
fn tp_9_a_trace_where_there_should_be_none_is_told_in_every_format() {
    assert_no_trace(&headers(&[("baggage", "tenant=7"), ("accept", "*/*")]));
    for field in Field::ALL.into_iter().filter(|field| *field != Field::Baggage) {
        let text = panic_message(|| assert_no_trace(&headers(&[(field.as_str(), "")])));
        assert!(text.contains(field.as_str()) && text.contains("(TP-9)"), "{text}");
    }
    let text = panic_message(|| assert_no_trace(&headers(&[("baggage", "a=1, sentry-release=1")])));
    assert!(text.contains("baggage has sentry members"), "{text}");
}

#[test]
fn tp_10_what_is_passed_on_is_the_same_bytes() {
    let received = headers(&[("traceparent", IDS), ("tracestate", "a=1"), ("tracestate", "b=1")]);
    assert_passed_on(&received, &received);
    let joined = headers(&[("traceparent", IDS), ("tracestate", "a=1,b=1"), ("sentry-trace", IDS)]);
    assert_passed_on(&received, &joined);
    assert_passed_on(&headers(&[("tracestate", "")]), &HeaderMap::new());
    for sent in [
        headers(&[("traceparent", IDS)]),
        headers(&[("traceparent", IDS), ("tracestate", "b=1,a=1")]),
        headers(&[("traceparent", IDS), ("traceparent", IDS), ("tracestate", "a=1,b=1")]),
    ] {
        let text = panic_message(|| assert_passed_on(&received, &sent));
        assert!(text.ends_with(" is not what was received (TP-10)"), "{text}");
    }
}

#[test]
fn bytes_that_are_no_text_are_a_difference_and_no_panic() {
    let mut broken = headers(&[("traceparent", &format!("00-{IDS}-01"))]);
    for name in ["tracestate", "sentry-trace", "baggage"] {
        broken.insert(name, HeaderValue::from_bytes(b"\xff\xfe=\xff").unwrap());
    }
    let result = continues(&broken, span(Decision::Sampled), Field::TraceParent);
    assert!(result.unwrap_err().to_string().contains("sentry-trace"));
}
