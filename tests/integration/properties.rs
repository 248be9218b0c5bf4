//! What holds for every input: headers here, messages in [`envelope`].
//!
//! The oracles are written for a reader, not for a machine: they split texts and look at characters
//! one by one, and share nothing with the library but its limits.

use ::http::{HeaderMap, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use throughline::context::{
    Baggage, Decision, SpanId, TraceContext, TraceId, TraceParent, TraceState,
};
use throughline::limits;
use throughline::propagation::{Field, Format, Propagator, SentryConfig};

mod envelope;
#[cfg(feature = "sdk")]
mod sampling;

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
            for mut sent in [HeaderMap::new(), headers] {
                propagator.inject(&found.context, &mut sent);
                valid(&sent, &propagator)?;
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
        let mut context = propagator.extract(&fields).context;
        let mut sent = HeaderMap::new();
        propagator.inject(&context, &mut sent);
        let again = propagator.extract(&sent);
        // Sentry's members travel with sentry-trace only.
        context.baggage_mut().retain(|member| !member.key().starts_with("sentry-"));
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

/// What version 00 is to be sent, if the value is valid (rules TP-1 to TP-4, TP-7).
fn oracle_traceparent(value: &[u8]) -> Option<String> {
    let text = latin_1(value);
    let fields: Vec<&str> = text.trim_matches([' ', '\t']).split('-').collect();
    let [version, trace_id, parent_id, flags, rest @ ..] = fields.as_slice() else { return None };
    let lengths = [version.len(), trace_id.len(), parent_id.len(), flags.len()];
    let hex = [version, trace_id, parent_id, flags].iter().all(|field| is_lower_hex(field));
    let zero = |id: &str| id.chars().all(|digit| digit == '0');
    let extra_allowed = *version != "00";
    if lengths != [2, 32, 16, 2] || !hex || *version == "ff" || zero(trace_id) || zero(parent_id) {
        return None;
    }
    if !rest.is_empty() && !extra_allowed {
        return None;
    }
    let flags = flags.chars().last()?.to_digit(16)? & 3;
    Some(format!("00-{trace_id}-{parent_id}-0{flags}"))
}

/// What is to be sent, if the value is valid (rules SE-1 and SE-3).
fn oracle_sentry_trace(value: &[u8]) -> Option<String> {
    let text = latin_1(value);
    let text = text.trim_matches([' ', '\t']);
    let fields: Vec<&str> = text.split('-').collect();
    let (trace_id, parent_id) = match fields.as_slice() {
        [trace_id, parent_id] | [trace_id, parent_id, "0" | "1"] => (trace_id, parent_id),
        _ => return None,
    };
    let zero = |id: &str| id.chars().all(|digit| digit == '0');
    let valid = trace_id.len() == 32
        && parent_id.len() == 16
        && is_lower_hex(trace_id)
        && is_lower_hex(parent_id)
        && !zero(trace_id)
        && !zero(parent_id);
    valid.then(|| text.to_owned())
}

/// The members, if the list is valid (rules TS-2 to TS-9).
fn oracle_tracestate(lines: &[Vec<u8>]) -> Option<Vec<(String, String)>> {
    let text = latin_1(&lines.join(&b','));
    if text.chars().count() > limits::TRACESTATE_BYTES {
        return None;
    }
    let mut members: Vec<(String, String)> = Vec::new();
    let mut count = 0;
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        count += 1;
        let (key, value) = member.split_once('=')?;
        let starts = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let goes_on = |c: char| starts(c) || "_*/@-".contains(c);
        let printable = |c: char| (' '..='~').contains(&c) && c != '=';
        let valid = key.starts_with(starts)
            && key.chars().all(goes_on)
            && key.len() <= 256
            && (1..=256).contains(&value.chars().count())
            && value.chars().all(printable);
        if !valid {
            return None;
        }
        if !members.iter().any(|(known, _)| known == key) {
            members.push((key.to_owned(), value.to_owned()));
        }
    }
    (count <= 32).then_some(members)
}

/// The members that stay, and whether they are all that were there (rules BG-1 to BG-10).
fn oracle_baggage(lines: &[Vec<u8>]) -> (Vec<String>, bool) {
    let mut bytes = lines.join(&b',');
    let mut complete = true;
    if bytes.len() > limits::BAGGAGE_SCAN_BYTES {
        complete = false;
        bytes.truncate(limits::BAGGAGE_SCAN_BYTES);
        // The member at the cut is not whole.
        let last_comma = bytes.iter().rposition(|byte| *byte == b',').unwrap_or(0);
        bytes.truncate(last_comma);
    }
    let text = latin_1(&bytes);
    let mut kept: Vec<String> = Vec::new();
    for member in text.split(',').map(|member| member.trim_matches([' ', '\t'])) {
        if member.is_empty() {
            continue;
        }
        let longer = kept.iter().chain([&member.to_owned()]).cloned().collect::<Vec<_>>().join(",");
        if is_baggage_member(member) && kept.len() < 64 && longer.len() <= 8192 {
            kept.push(member.to_owned());
        } else {
            complete = false;
        }
    }
    (kept, complete)
}

fn is_baggage_member(member: &str) -> bool {
    let Some((key, tail)) = member.split_once('=') else { return false };
    let mut parts = tail.split(';');
    let value = parts.next().unwrap_or_default();
    let key = key.trim_matches([' ', '\t']);
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let octet = |c: char| ('!'..='~').contains(&c) && !"\",;\\".contains(c);
    !key.is_empty()
        && key.chars().all(token)
        && value.trim_matches([' ', '\t']).chars().all(octet)
        && parts.all(|property| property.chars().all(|c| octet(c) || " \t\"\\".contains(c)))
}

/// Bytes as characters one by one, so that an oracle need not care about UTF-8.
fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn is_lower_hex(text: &str) -> bool {
    text.chars().all(|c| "0123456789abcdef".contains(c))
}

#[test]
fn the_oracles_know_good_from_bad() {
    assert_eq!(oracle_traceparent(PARENT.as_bytes()).as_deref(), Some(PARENT));
    let later = format!("cc{}-more-fields", &PARENT[2..]);
    assert_eq!(oracle_traceparent(later.as_bytes()).as_deref(), Some(PARENT));
    let sentry = format!(" {TRACE}-b7ad6b7169203331-1\t");
    assert_eq!(oracle_sentry_trace(sentry.as_bytes()).as_deref(), Some(sentry.trim()));
    for bad in
        ["", "-", &PARENT.to_uppercase(), &format!("{PARENT}-"), &PARENT.replace("00-", "ff-")]
    {
        assert_eq!(oracle_traceparent(bad.as_bytes()), None, "{bad}");
        assert_eq!(oracle_sentry_trace(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(oracle_tracestate(&[b"a=1".to_vec(), b",b= 2 ".to_vec()]).unwrap().len(), 2);
    assert_eq!(oracle_tracestate(&[b"a=1,B=2".to_vec()]), None);
    assert_eq!(oracle_baggage(&[b"a=1, b".to_vec()]), (vec!["a=1".into()], false));
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

fn bounded(context: &TraceContext) -> Result<(), TestCaseError> {
    let state = context.trace_state();
    prop_assert!(state.as_str().len() <= limits::TRACESTATE_BYTES);
    prop_assert!(state.iter().count() <= limits::TRACESTATE_MEMBERS);
    let baggage = context.baggage();
    prop_assert!(baggage.as_str().len() <= limits::BAGGAGE_BYTES);
    prop_assert!(baggage.iter().count() <= limits::BAGGAGE_MEMBERS);
    prop_assert_eq!(baggage.iter().count(), baggage.len());
    Ok(())
}

/// Every trace field that is there is the only one of its name, not empty, and visible ASCII.
fn valid(sent: &HeaderMap, propagator: &Propagator) -> Result<(), TestCaseError> {
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

// Inputs

fn hostile_field() -> impl Strategy<Value = (String, Vec<u8>)> {
    let field = select(Field::ALL.to_vec());
    let named = field.prop_flat_map(|field| {
        let cased = prop_oneof![
            4 => Just(field.as_str().to_owned()),
            1 => Just(field.as_str().to_uppercase()),
        ];
        // A value of another field is the most plausible nonsense.
        let value = prop_oneof![
            4 => hostile_value(vec![field]),
            1 => hostile_value(Field::ALL.to_vec()),
        ];
        (cased, value)
    });
    prop_oneof![8 => named, 1 => ("[a-z-]{0,12}", vec(any::<u8>(), 0..20))]
}

/// Values of these fields: valid ones, such with a few wrong bytes, and noise.
fn hostile_value(fields: Vec<Field>) -> impl Strategy<Value = Vec<u8>> {
    let valid = select(fields).prop_flat_map(|field| match field {
        Field::TraceParent => (
            select(vec!["00", "00", "01", "cc", "fe", "ff", "0g", "CC"]),
            trace_id(),
            span_id(),
            any::<u8>(),
            select(vec!["", "", "", "-", "-x", "."]),
        )
            .prop_map(|(version, trace, span, flags, rest)| {
                format!("{version}-{trace}-{span}-{flags:02x}{rest}")
            })
            .boxed(),
        Field::SentryTrace => {
            (trace_id(), span_id(), select(vec!["", "-0", "-1", "-2", "-", "-01"]))
                .prop_map(|(trace, span, rest)| format!("{trace}-{span}{rest}"))
                .boxed()
        }
        Field::TraceState => list(entry(), 40).boxed(),
        _ => list(member(), 70).boxed(),
    });
    let valid = valid.prop_map(String::into_bytes);
    let edits =
        vec((any::<Index>(), select(b"0f-,=;% \t\"\\@Gk\n\0\x7f\xc3\xff".to_vec()), 0..3), 1..4);
    let edited = (valid.clone(), edits).prop_map(|(mut value, edits)| {
        for (at, byte, what) in edits {
            let at = at.index(value.len() + 1);
            match what {
                0 => value.insert(at, byte),
                1 if at < value.len() => value[at] = byte,
                _ if at < value.len() => drop(value.remove(at)),
                _ => {}
            }
        }
        value
    });
    prop_oneof![
        4 => valid,
        4 => edited,
        1 => "[0-9a-f,=;% \t\"\\\\-]{0,120}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..80),
    ]
}

fn trace_id() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => any::<u128>().prop_map(|id| format!("{id:032x}")),
        // Few, so that two fields of one carrier often name the same trace.
        6 => Just(TRACE.to_owned()),
        1 => Just("0".repeat(32)),
    ]
}

fn span_id() -> impl Strategy<Value = String> {
    prop_oneof![8 => any::<u64>().prop_map(|id| format!("{id:016x}")), 1 => Just("0".repeat(16))]
}

fn parent() -> impl Strategy<Value = TraceParent> {
    let decision = select(vec![Decision::Deferred, Decision::NotSampled, Decision::Sampled]);
    (1..u128::MAX, 1..u64::MAX, decision, any::<bool>()).prop_map(
        |(trace, span, decision, random)| {
            let (trace, span) =
                (TraceId::from_u128(trace).unwrap(), SpanId::from_u64(span).unwrap());
            TraceParent::new(trace, span, decision).with_random(random)
        },
    )
}

/// Up to `most` members with white space around them and empty members between.
fn list(
    member: impl Strategy<Value = String> + Clone,
    most: usize,
) -> impl Strategy<Value = String> {
    let space = || select(vec!["", "", "", "", " ", "\t", " \t ", ","]);
    let member = (space(), member, space())
        .prop_map(|(left, member, right)| format!("{left}{member}{right}"));
    prop_oneof![8 => vec(member.clone(), 0..6), 1 => vec(member, 0..=most)]
        .prop_map(|members| members.join(","))
}

/// A valid member of `tracestate`.
fn entry() -> impl Strategy<Value = String> + Clone {
    let key = prop_oneof![8 => "[a-z0-9][a-z0-9_*/@-]{0,3}", 1 => "[a-z0-9][a-z0-9_*/@-]{250,255}"];
    let value = prop_oneof![
        8 => "[ -+\\--<>-~]{0,6}[!-+\\--<>-~]",
        1 => "[ -+\\--<>-~]{250,255}[!-+\\--<>-~]",
    ];
    (key, value).prop_map(|(key, value)| format!("{key}={value}"))
}

/// A valid member of baggage.
fn member() -> impl Strategy<Value = String> + Clone {
    let key = prop_oneof![
        6 => "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,6}",
        2 => "sentry-(release|sampled|trace_id|org_id|sample_rand)",
    ];
    let value = prop_oneof![
        8 => "[!#-+\\--:<-\\[\\]-~]{0,8}",
        1 => "(%[0-9a-fA-F]{2}|%[g-z]|[a-z]){0,8}",
    ];
    let properties = prop_oneof![
        4 => Just(String::new()),
        1 => "([ \t]{0,2};[ \t]{0,2}[!#-+\\--:<-\\[\\]-~ \t\"\\\\]{0,6}){0,3}",
    ];
    let sign = select(vec!["=", "=", "=", " =", "= ", "\t= "]);
    (key, sign, value, properties).prop_map(|(key, sign, value, properties)| {
        format!("{key}{sign}{value}{}", properties.trim_end_matches([' ', '\t']))
    })
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
