//! The inputs: headers, valid ones, such with a few wrong bytes, and noise.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use throughline::context::{Decision, SpanId, TraceId, TraceParent};
use throughline::propagation::Field;

use super::TRACE;

pub(super) fn hostile_field() -> impl Strategy<Value = (String, Vec<u8>)> {
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
pub(super) fn hostile_value(fields: Vec<Field>) -> impl Strategy<Value = Vec<u8>> {
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

pub(super) fn parent() -> impl Strategy<Value = TraceParent> {
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
pub(super) fn list(
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
pub(super) fn entry() -> impl Strategy<Value = String> + Clone {
    let key = prop_oneof![8 => "[a-z0-9][a-z0-9_*/@-]{0,3}", 1 => "[a-z0-9][a-z0-9_*/@-]{250,255}"];
    let value = prop_oneof![
        8 => "[ -+\\--<>-~]{0,6}[!-+\\--<>-~]",
        1 => "[ -+\\--<>-~]{250,255}[!-+\\--<>-~]",
    ];
    (key, value).prop_map(|(key, value)| format!("{key}={value}"))
}

/// A valid member of baggage.
pub(super) fn member() -> impl Strategy<Value = String> + Clone {
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
