//! What holds for every set of headers: hostile bytes, format and parse, the oracles, pass-through.

use ::http::{HeaderMap, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use throughline::context::{Baggage, Decision, TraceContext, TraceParent, TraceState};
use throughline::limits;
use throughline::propagation::{Field, Format, Propagator, SentryConfig};

use super::inputs::{entry, hostile_field, hostile_value, list, member, parent};
use super::oracles::{oracle_baggage, oracle_sentry_trace, oracle_traceparent, oracle_tracestate};
use super::{PARENT, bounded};

type Pairs = Vec<(String, Vec<u8>)>;

// Any bytes

proptest! {
    #[test]
    fn no_bytes_panic_and_what_goes_out_is_valid(fields in vec(hostile_field(), 0..6)) {
        for propagator in propagators() {
            let found = propagator.extract(&fields);
            prop_assert!(found.refused.len() <= limits::REFUSALS);
            bounded(&found.context)?;

            let headers = header_map(&fields);
            let in_headers = propagator.extract(&headers);
            bounded(&in_headers.context)?;
            if headers.len() == fields.len() {
                prop_assert_eq!(&in_headers.context, &found.context);
                prop_assert_eq!(&in_headers.refused, &found.refused);
            }

            // Into an empty carrier, and into the one that came in, as a proxy does.
            for before in [HeaderMap::new(), headers] {
                let mut sent = before.clone();
                propagator.inject(&found.context, &mut sent);
                valid(&sent, &before, &propagator)?;
            }
            let mut sent = fields.clone();
            propagator.inject(&found.context, &mut sent);
        }
    }

    #[test]
    fn what_goes_out_is_read_back(fields in vec(hostile_field(), 0..6)) {
        // Without Sentry, since a deferred decision has no form in traceparent (rule BO-1).
        let formats = [Format::TraceContext, Format::Baggage];
        let propagator = Propagator::default().accept(formats).emit(formats).forward_baggage(true);
        let context = propagator.extract(&fields).context;
        let mut sent = HeaderMap::new();
        propagator.inject(&context, &mut sent);
        let again = propagator.extract(&sent);
        prop_assert_eq!(again.context, context);
        prop_assert_eq!(again.refused, []);
    }

    #[test]
    fn hostile_lines_give_a_bounded_context(
        line in hostile_value(Field::ALL.to_vec()),
        repeat in 1..2000_usize,
        lines in 1..200_usize,
        field in select(Field::ALL.to_vec()),
    ) {
        let repeat = repeat.min(200_000 / (line.len() + 1));
        let long = [line.as_slice(), b","].concat().repeat(repeat);
        let mut fields: Pairs = vec![("traceparent".into(), PARENT.into())];
        fields.extend((0..lines.min(1_000_000 / (long.len() + 1) + 1))
            .map(|_| (field.as_str().to_owned(), long.clone())));
        let found = Propagator::default().extract(&fields);
        prop_assert!(found.refused.len() <= limits::REFUSALS);
        bounded(&found.context)?;
    }
}

#[test]
fn the_worst_headers_give_a_bounded_context() {
    let many = |text: &str| text.repeat(1_000_000 / text.len());
    let lists =
        ["a=1,", ",", "=,", "a=%,", " ", "a=1;,", "a,", "k=v;p;", "\t,", "sentry-a=1,", "\u{e9},"];
    for (list, lines) in lists.iter().flat_map(|list| [(list, 1), (list, 20)]) {
        for field in Field::ALL {
            let mut fields: Pairs = vec![("traceparent".into(), PARENT.into())];
            for _ in 0..lines {
                fields.push((field.as_str().into(), many(list).into()));
            }
            let found = Propagator::default().forward_baggage(true).extract(&fields);
            assert!(found.refused.len() <= limits::REFUSALS, "{list:?}");
            bounded(&found.context).unwrap();
        }
    }
}

// Format and parse

proptest! {
    #[test]
    fn parse_after_format_is_identity(parent in parent()) {
        let text = parent.to_string();
        let read: TraceParent = text.parse().unwrap();
        // Version 00 has no form for a deferred decision.
        let decision = Decision::from(parent.sampled() == Some(true));
        prop_assert_eq!(read, parent.child(parent.parent_id(), decision));

        let propagator = Propagator::default().accept([Format::Sentry]).emit([Format::Sentry]);
        let mut sent: Vec<(String, String)> = Vec::new();
        propagator.inject(&parent.into(), &mut sent);
        let read = propagator.extract(&sent).context;
        // sentry-trace has no random bit.
        prop_assert_eq!(read.parent(), Some(&parent.with_random(false)));
    }

    #[test]
    fn a_baggage_value_survives_encoding(key in "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,20}", value in any::<String>()) {
        let mut baggage = Baggage::default();
        prop_assume!(baggage.push(&key, &value).is_ok());
        let read: Baggage = baggage.as_str().parse().unwrap();
        let got = read.get(&key);
        prop_assert_eq!(got.as_deref(), Some(value.as_str()));
    }
}

// Oracles

proptest! {
    #[test]
    fn a_traceparent_is_accepted_if_and_only_if_the_oracle_accepts_it(
        value in hostile_value(vec![Field::TraceParent]),
    ) {
        let fields = [("traceparent", value.as_slice())];
        let found = Propagator::default().extract(fields.as_slice());
        let ours = found.context.parent().map(ToString::to_string);
        prop_assert_eq!(ours, oracle_traceparent(&value));
        prop_assert_eq!(found.refused.is_empty(), found.context.parent().is_some());
    }

    #[test]
    fn a_sentry_trace_is_accepted_if_and_only_if_the_oracle_accepts_it(
        value in hostile_value(vec![Field::SentryTrace]),
    ) {
        let fields = [("sentry-trace", value.as_slice())];
        let propagator = Propagator::default().emit([Format::Sentry]);
        let context = propagator.extract(fields.as_slice()).context;
        let mut sent: Vec<(String, String)> = Vec::new();
        propagator.inject(&context, &mut sent);
        prop_assert_eq!(sent.pop().map(|(_, value)| value), oracle_sentry_trace(&value));
    }

    #[test]
    fn a_tracestate_is_accepted_if_and_only_if_the_oracle_accepts_it(
        lines in vec(hostile_value(vec![Field::TraceState]), 1..4),
    ) {
        let mut fields: Pairs = vec![("traceparent".into(), PARENT.into())];
        fields.extend(lines.iter().map(|line| ("tracestate".to_owned(), line.clone())));
        let found = Propagator::default().extract(&fields);
        let ours: Vec<_> = entries(found.context.trace_state());
        let oracle = oracle_tracestate(&lines);
        prop_assert_eq!(found.refused.is_empty(), oracle.is_some());
        prop_assert_eq!(ours, oracle.unwrap_or_default());
    }

    #[test]
    fn baggage_keeps_what_the_oracle_keeps(lines in vec(hostile_value(vec![Field::Baggage]), 1..4)) {
        let fields: Pairs = lines.iter().map(|line| ("baggage".to_owned(), line.clone())).collect();
        // To whom does not speak Sentry, its members are baggage like any other.
        let found = Propagator::default().accept([Format::Baggage]).extract(&fields);
        let (oracle, complete) = oracle_baggage(&lines);
        let ours: Vec<_> = found.context.baggage().iter().map(|m| m.as_str().to_owned()).collect();
        prop_assert_eq!(ours, oracle);
        prop_assert_eq!(found.refused.is_empty(), complete);
        prop_assert_eq!(found.context.baggage().len(), found.context.baggage().iter().count());
    }

    #[test]
    fn long_baggage_keeps_what_the_oracle_keeps(
        sizes in vec(select(vec![0, 1, 5, 100, 1000, 4090, 8186, 8187, 8188, 20_000, 32_760, 32_764, 32_770]), 1..80),
        split in any::<Index>(),
    ) {
        let members: Vec<_> = sizes.iter().map(|size| format!("k={}", "x".repeat(*size))).collect();
        let (left, right) = members.split_at(split.index(members.len()));
        let lines = [left.join(",").into_bytes(), right.join(",").into_bytes()];
        let fields: Pairs = lines.iter().map(|line| ("baggage".to_owned(), line.clone())).collect();
        let found = Propagator::default().extract(&fields);
        let ours: Vec<_> = found.context.baggage().iter().map(|m| m.as_str().to_owned()).collect();
        let (oracle, complete) = oracle_baggage(&lines);
        prop_assert_eq!(ours, oracle);
        prop_assert_eq!(found.refused.is_empty(), complete);
    }
}

// Pass-through

proptest! {
    #[test]
    fn tp_10_what_is_valid_goes_out_byte_for_byte(
        parent in parent(),
        state in list(entry(), 32),
        members in list(member(), 63),
        headers in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let mut received = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
                received.insert(name, value);
            }
        };
        let (with_traceparent, with_sentry, with_baggage) = headers;
        if with_traceparent {
            // The decision has to have a form in both headers.
            let decided = parent.child(parent.parent_id(), Decision::from(parent.sampled() == Some(true)));
            add("traceparent", &decided.to_string());
            add("tracestate", &unique_keys(&state));
        }
        if with_sentry {
            let decision = match (parent.sampled(), with_traceparent) {
                (Some(true), _) => "-1",
                (Some(false), _) | (None, true) => "-0",
                (None, false) => "",
            };
            add("sentry-trace", &format!("{}-{}{decision}", parent.trace_id(), parent.parent_id()));
        }
        if with_baggage {
            // Sentry's members need sentry-trace (rule SE-5), and must not name another trace.
            // A context without sample_rand would get one (rule SE-7).
            let foreign = if with_sentry {
                format!("sentry-sample_rand=0.5,{members}")
            } else {
                members.replace("sentry-", "sentry.")
            };
            add("baggage", &foreign.replace("trace_id", "release"));
        }
        let propagator = Propagator::default().forward_baggage(true);
        let found = propagator.extract(&received);
        prop_assert_eq!(found.refused, []);
        let mut sent = HeaderMap::new();
        propagator.inject(&found.context, &mut sent);
        for (name, value) in &received {
            // A list of nothing but commas and white space is never sent (rule TS-4).
            if value.to_str().unwrap().contains(|c: char| !", \t".contains(c)) {
                prop_assert_eq!(sent.get(name), Some(value), "{}", name);
            }
        }
    }
}

/// The list without members whose key stands further left: those are not passed on (rule TS-8).
fn unique_keys(list: &str) -> String {
    let mut keys = Vec::new();
    let mut kept = Vec::new();
    for member in list.split(',') {
        let key = member.split('=').next().unwrap_or_default().trim();
        if key.is_empty() || !keys.contains(&key) {
            keys.push(key);
            kept.push(member);
        }
    }
    kept.join(",")
}

// Checks

/// Every trace field that is there is the only one of its name, not empty, and visible ASCII.
fn valid(
    sent: &HeaderMap,
    before: &HeaderMap,
    propagator: &Propagator,
) -> Result<(), TestCaseError> {
    for field in Field::ALL {
        let mut values = sent.get_all(field.header_name()).iter();
        let Some(value) = values.next() else { continue };
        let emitted = propagator.clone().forward_baggage(true);
        let mut probe = HeaderMap::new();
        emitted.inject(&probe_context(), &mut probe);
        if !probe.contains_key(field.header_name()) {
            // This format is not ours to write.
            continue;
        }
        let name = field.header_name();
        if field == Field::Baggage && sent.get_all(name).iter().eq(before.get_all(name)) {
            // Nothing was added, so what stood there is its writer's.
            continue;
        }
        prop_assert!(values.next().is_none(), "{} stands there twice", field.as_str());
        let text = value.to_str().map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(!text.is_empty(), "{} is empty", field.as_str());
        prop_assert!(HeaderValue::from_str(text).is_ok());
    }
    Ok(())
}

/// A context with a value for every field.
fn probe_context() -> TraceContext {
    let mut context = TraceContext::from(PARENT.parse::<TraceParent>().unwrap());
    *context.trace_state_mut() = "a=1".parse().unwrap();
    context.baggage_mut().push("a", "1").unwrap();
    context.baggage_mut().push("sentry-release", "1").unwrap();
    context
}

fn entries(state: &TraceState) -> Vec<(String, String)> {
    state.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn propagators() -> Vec<Propagator> {
    let config = SentryConfig::new().org_id("1").release("a b,c;d\r\n\u{e9}").sample_rate(0.3);
    vec![
        Propagator::default(),
        Propagator::default().forward_baggage(true).primary(Format::Sentry),
        Propagator::default().forward_baggage(true).sentry(config.clone()),
        Propagator::default().sentry(config.strict_continuation(true)),
        Propagator::default().accept([Format::Sentry]).emit([Format::TraceContext]),
        Propagator::default().accept([Format::Baggage]).emit([Format::Sentry]),
        Propagator::default().accept([]).emit([]),
    ]
}

/// The fields that a header map can hold.
fn header_map(fields: &Pairs) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = ::http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}
