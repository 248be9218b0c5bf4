use crate::context::{Decision, SpanId, TraceContext, TraceParent};
use crate::propagation::{BaggageKeys, Extraction, Format, Propagator, SentryConfig};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const W3C: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7";
const OTHER_W3C: &str = "00-11111111111111111111111111111111-00f067aa0ba902b7-01";
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
    let fields =
        [("traceparent", W3C), ("tracestate", "v=1"), ("sentry-trace", OTHER), ("baggage", dsc)];
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
    let stale = [("traceparent", W3C), ("tracestate", "a=1"), ("sentry-trace", OTHER), ("x", "y")];
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

#[test]
fn se_6_a_head_names_its_transaction_until_its_trace_begins() {
    let propagator = Propagator::default().sentry(SentryConfig::new());
    let described = |context: &TraceContext| {
        let sent = inject(&propagator, context, &[]);
        sent.into_iter().find(|(name, _)| name == "baggage").unwrap().1
    };
    let span: TraceParent = W3C.parse().unwrap();
    let named = TraceContext::new().with_transaction("GET /users/{id}");
    assert!(!named.is_empty() && inject(&propagator, &named, &[]).is_empty());
    let begun = named.restart(span);
    assert!(described(&begun).ends_with(",sentry-transaction=GET%20/users/{id}"));
    let another = begun.restart(OTHER_W3C.parse().unwrap());
    assert!(!described(&another).contains("transaction"), "a name belongs to one trace");
}

#[test]
fn tp_8_fresh_ids_are_drawn_only_where_no_span_of_this_process_is_the_parent() {
    let propagator = Propagator::default().fresh_ids(SpanId::random);
    let received = extract(&[("traceparent", W3C)]).context;
    let sent = |context: &TraceContext| inject(&propagator, context, &[])[0].1.clone();
    let (one, two) = (sent(&received), sent(&received));
    assert_ne!(one, two);
    assert!([&one, &two].iter().all(|sent| sent.starts_with(&W3C[..36]) && **sent != W3C));
    let span = SpanId::from_u64(5).unwrap();
    let own = received.child(span, Decision::Sampled);
    assert_eq!(sent(&own), format!("00-{TRACE}-{span}-01"));
}

#[test]
fn tp_6_the_random_bit_is_left_off_only_where_the_trace_began_here() {
    let propagator = Propagator::default().random_bit(false);
    let begun = TraceContext::begin(Decision::Sampled);
    assert!(inject(&propagator, &begun, &[])[0].1.ends_with("-01"));
    assert!(inject(&Propagator::default(), &begun, &[])[0].1.ends_with("-03"));
    let received = extract(&[("traceparent", &W3C.replace("-01", "-03"))]).context;
    assert!(inject(&propagator, &received, &[])[0].1.ends_with("-03"));
}

#[test]
fn bg_10_a_lower_limit_leaves_out_the_applications_members_first() {
    let baggage = "a=1,sentry-sample_rand=0.5,b=2";
    let found = extract(&[("sentry-trace", SENTRY), ("baggage", baggage)]);
    let sent = |members, bytes| {
        let propagator = Propagator::default().forward_baggage(true).max_baggage(members, bytes);
        let sent = inject(&propagator, &found.context, &[]);
        sent.into_iter().find(|(name, _)| name == "baggage").map(|(_, value)| value)
    };
    assert_eq!(sent(usize::MAX, usize::MAX).as_deref(), Some(baggage));
    assert_eq!(sent(3, baggage.len()).as_deref(), Some(baggage));
    assert_eq!(sent(2, 8192).as_deref(), Some("sentry-sample_rand=0.5,a=1"));
    assert_eq!(sent(64, 29).as_deref(), Some("sentry-sample_rand=0.5,a=1"));
    assert_eq!(sent(64, 4).as_deref(), Some("a=1"), "a member that does not fit hides no other");
    assert_eq!(sent(0, 8192), None);
}

#[test]
fn ts_11_a_lower_limit_drops_whole_members() {
    let found = extract(&[("traceparent", W3C), ("tracestate", "a=1,b=2,c=3")]);
    let sent = |bytes| {
        let sent = inject(&Propagator::default().max_trace_state(bytes), &found.context, &[]);
        sent.into_iter().find(|(name, _)| name == "tracestate").map(|(_, value)| value)
    };
    assert_eq!(sent(11).as_deref(), Some("a=1,b=2,c=3"));
    assert_eq!(sent(10).as_deref(), Some("a=1,b=2"));
    assert_eq!(sent(2), None);
}

#[test]
fn bg_11_a_second_injection_changes_nothing() {
    let propagator = Propagator::default().forward_baggage(true).sentry(SentryConfig::new());
    let found = extract(&[("traceparent", W3C), ("baggage", "a=1,a=2,b=3")]);
    let once = inject(&propagator, &found.context, &[("baggage", "a=0,c=4")]);
    assert!(once.iter().any(|(_, value)| value.ends_with("=true,a=0,c=4,b=3")), "{once:?}");
    let mut twice = once.clone();
    propagator.inject(&found.context, &mut twice);
    let sorted = |mut pairs: Pairs| {
        pairs.sort_unstable();
        pairs
    };
    assert_eq!(sorted(twice), sorted(once));
}

#[test]
fn bg_11_baggage_to_which_nothing_is_added_stays_as_it_is() {
    let long = format!("big={},a=1", "x".repeat(9000));
    let many = (0..70).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    let context = extract(&[("traceparent", W3C), ("baggage", "mine=1")]).context;
    for there in ["name=John Doe,a=1", "novalue", &long, &many] {
        for context in [&context, &TraceContext::new()] {
            let sent = inject(&Propagator::default(), context, &[("baggage", there)]);
            let baggage = sent.iter().find(|(name, _)| name == "baggage").unwrap();
            assert_eq!(baggage.1, there);
        }
    }
    let stale = [("baggage", "a=1,sentry-release=old")];
    let sent = inject(&Propagator::default(), &TraceContext::new(), &stale);
    assert_eq!(sent, pairs(&[("baggage", "a=1")]));
}

#[test]
fn bg_8_sentrys_members_are_like_any_other_to_who_does_not_speak_sentry() {
    let w3c = Propagator::from_names("tracecontext,baggage").unwrap();
    let found = w3c.extract(&[("traceparent", W3C), ("baggage", "a=1,sentry-release=1")]);
    let sent = |propagator: Propagator| {
        let sent = inject(&propagator, &found.context, &[]);
        sent.into_iter().find(|(name, _)| name == "baggage").map(|(_, value)| value)
    };
    assert_eq!(sent(w3c.clone()), None);
    assert_eq!(sent(w3c.clone().forward_baggage(true)).as_deref(), Some("a=1,sentry-release=1"));
    let only = BaggageKeys::Only(vec!["sentry-release".to_owned()]);
    assert_eq!(sent(w3c.clone().forward_baggage(only)).as_deref(), Some("sentry-release=1"));
    // Who reads Sentry and does not write it keeps its members to itself.
    let reads = w3c.accept([Format::TraceContext, Format::Sentry]).forward_baggage(true);
    assert_eq!(sent(reads).as_deref(), Some("a=1"));
}

#[test]
fn bo_2_ids_of_128_bits_are_compared_whole() {
    let low = format!("{}{}", "0".repeat(16), &TRACE[16..]);
    let dsc = format!("sentry-trace_id={low}");
    let sentry = format!("{low}-00f067aa0ba902b7-1");
    let fields = [("traceparent", W3C), ("sentry-trace", &*sentry), ("baggage", &*dsc)];
    for primary in [Format::TraceContext, Format::Sentry] {
        let found = Propagator::default().primary(primary).extract(&fields);
        let link = found.link.unwrap().trace_id();
        let won = found.context.parent().unwrap().trace_id();
        assert_ne!(won, link);
        assert_eq!(won.to_string() == TRACE, primary == Format::TraceContext);
        assert_eq!(found.context.baggage().is_empty(), primary == Format::TraceContext);
    }
}

#[test]
fn bo_3_b3_leaves_no_parent_of_another_trace() {
    let context = extract(&[("traceparent", W3C)]).context;
    let stale = [("X-B3-ParentSpanId", "00f067aa0ba902b7"), ("x-b3-flags", "1")];
    let sent = inject(&Propagator::default().emit([Format::B3Multi]), &context, &stale);
    let names: Vec<_> = sent.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled"]);
}

#[test]
fn ts_4_an_empty_line_leaves_no_empty_member() {
    let found = extract(&[
        ("traceparent", W3C),
        ("tracestate", ""),
        ("tracestate", "a=1"),
        ("tracestate", " "),
    ]);
    assert_eq!(found.context.trace_state().as_str(), "a=1");
}
