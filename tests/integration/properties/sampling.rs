//! What holds for every decision of the samplers, whatever came in.

use std::ops::RangeInclusive;

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, ShouldSample};
use proptest::prelude::*;
use proptest::sample::select;
use throughline::context::{Decision, TraceContext};
use throughline::otel::{ContextExt, ParentBased, RatioBased};
use throughline::propagation::Propagator;

proptest! {
    #[test]
    fn a_ratio_decides_by_sample_rand_or_by_the_random_bits(
        incoming in incoming(),
        rate in rate(),
        follows in any::<bool>(),
    ) {
        let rates = RatioBased::new(rate);
        let (first, out) = if follows {
            sent(ParentBased::new(rates), &incoming)
        } else {
            sent(rates, &incoming)
        };
        consistent(&out)?;
        let decides = !follows || incoming.sampled == Decision::Deferred;
        let Some(trace) = incoming.trace().filter(|_| decides) else { return Ok(()) };
        match sample_rand(&trace) {
            Some(rand) => {
                prop_assert_eq!(first, rand < rate);
                prop_assert!(threshold(&out).is_none_or(|th| th == 0 && rate == 1.0));
            }
            None => {
                let share = (random_value(&trace) as f64 / 2.0_f64.powi(56), 1.0 - rate);
                // Nearer to the border than this, fractions cannot tell.
                if (share.0 - share.1).abs() > 1e-15 {
                    prop_assert_eq!(first, share.0 > share.1);
                }
                let fits = ot(&trace).len() <= 256 - "th:;".len() - 14;
                prop_assert!(!fits || threshold(&out).is_some() == first);
            }
        }
    }

    #[test]
    fn no_sampler_sends_a_threshold_that_contradicts_the_decision(incoming in incoming(), rate in rate()) {
        for root in [Sampler::AlwaysOn, Sampler::AlwaysOff, Sampler::TraceIdRatioBased(rate)] {
            consistent(&sent(root.clone(), &incoming).1)?;
            consistent(&sent(Sampler::ParentBased(Box::new(root.clone())), &incoming).1)?;
            consistent(&sent(ParentBased::new(root), &incoming).1)?;
        }
    }

    #[test]
    fn the_other_parts_of_the_state_stay(incoming in incoming(), rate in rate()) {
        let others = |context: &TraceContext| {
            let state = context.trace_state();
            let members = state.iter().filter(|(key, _)| *key != "ot");
            let members: Vec<_> = members.map(|(key, value)| format!("{key}={value}")).collect();
            let parts = ot(context).split(';').filter(|part| part.trim() != "");
            let parts = parts.filter(|part| part.split_once(':').is_none_or(|(key, _)| key != "th"));
            (members, parts.map(|part| part.trim_end().to_owned()).collect::<Vec<_>>())
        };
        let Some(trace) = incoming.trace() else { return Ok(()) };
        prop_assert_eq!(others(&sent(RatioBased::new(rate), &incoming).1), others(&trace));
    }
}

/// Headers of one trace.
#[derive(Clone, Debug)]
struct Incoming {
    trace_id: u128,
    sampled: Decision,
    state: String,
    sample_rand: Option<String>,
}

impl Incoming {
    /// What is read of them; nothing that OpenTelemetry's spans could have lost.
    fn trace(&self) -> Option<TraceContext> {
        let ids = format!("{:032x}-00000000000000a1", self.trace_id);
        let (flag, digit) = match self.sampled {
            Decision::Deferred => ("00", ""),
            Decision::NotSampled => ("00", "-0"),
            Decision::Sampled => ("01", "-1"),
        };
        let mut fields =
            vec![("traceparent", format!("00-{ids}-{flag}")), ("tracestate", self.state.clone())];
        if let Some(rand) = &self.sample_rand {
            fields.push(("baggage", format!("a=1,sentry-sample_rand={rand}")));
        }
        fields.push(("sentry-trace", format!("{ids}{digit}")));
        let trace = Propagator::default().extract(&fields).context;
        trace.parent().is_some().then_some(trace)
    }
}

fn incoming() -> impl Strategy<Value = Incoming> {
    let decision = select(vec![Decision::Deferred, Decision::NotSampled, Decision::Sampled]);
    let rand = prop_oneof![
        "0\\.[0-9]{1,17}",
        select(vec!["0", "0.0", "1", "nan", "-0.1", "1e-9", "0.9999999999999999999", "x"])
            .prop_map(str::to_owned),
    ];
    let trace_id = prop_oneof![any::<u128>(), (0..4_u128).prop_map(|low| (1 << 100) + low)];
    (trace_id, decision, state(), proptest::option::of(rand)).prop_map(
        |(trace_id, sampled, state, sample_rand)| Incoming {
            trace_id,
            sampled,
            state,
            sample_rand,
        },
    )
}

/// A list whose member `ot` is plausible, odd, or not there.
fn state() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "(th|rv):[0-9a-f]{14}",
        2 => "th:[0-9a-fA-F]{1,14}",
        1 => "rv:[f0]{14}",
        1 => "[a-z]{1,3}:[a-z0-9]{0,60}",
        1 => "(th|rv):?[ -+.-<>-~]{0,20}",
        1 => "[ -+.-<>-~]{0,80}",
    ];
    let parts = proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join(";"));
    let other = select(vec!["", ",a=1", ",foo@@bar=1,b=2", ",x@y=z"]);
    (parts, other).prop_map(|(ot, other)| format!("ot={ot}{other}"))
}

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![
        0.0..=1.0_f64,
        (0..=56_i32).prop_map(|exponent| 0.5_f64.powi(exponent)),
        select(vec![0.0, 1.0, 0.25, 1e-17, 5e-17, 1.0 - f64::EPSILON]),
    ]
}

/// Whether a span of that trace is kept, and what its child is told to send on.
fn sent(sampler: impl ShouldSample + 'static, incoming: &Incoming) -> (bool, TraceContext) {
    let tracer = SdkTracerProvider::builder().with_sampler(sampler).build().tracer("test");
    let cx = Context::new().with_trace_context(incoming.trace().unwrap_or_default());
    let cx = cx.with_span(tracer.start_with_context("span", &cx));
    let out = cx.trace_context();
    // The child has the same sampler: what it says rests on what the span said.
    let cx = cx.with_span(tracer.start_with_context("child", &cx));
    let kept = out.sampled() == Some(true);
    assert_eq!(cx.trace_context().sampled(), Some(kept));
    (kept, out)
}

/// A threshold goes out only with a decision for the trace, and one that it can rest on.
fn consistent(out: &TraceContext) -> Result<(), TestCaseError> {
    if let Some(threshold) = threshold(out) {
        prop_assert_eq!(out.sampled(), Some(true));
        prop_assert!(random_value(out) >= threshold, "{:?}", out.trace_state().as_str());
    } else {
        let parts = ot(out).split(';').filter(|part| part.starts_with("th:"));
        prop_assert_eq!(parts.count(), 0, "{:?}", out.trace_state().as_str());
    }
    Ok(())
}

fn ot(context: &TraceContext) -> &str {
    context.trace_state().get("ot").unwrap_or_default()
}

fn sample_rand(trace: &TraceContext) -> Option<f64> {
    trace.baggage().sentry().get("sample_rand")?.parse().ok()
}

fn threshold(context: &TraceContext) -> Option<u64> {
    number(context, "th", 1..=14)
}

fn random_value(context: &TraceContext) -> u64 {
    number(context, "rv", 14..=14).unwrap_or_else(|| {
        let id = context.parent().unwrap().trace_id().to_string();
        hex(&id[18..]).unwrap()
    })
}

/// The only part with that key, if it has so many hex digits; those that are missing are zeros.
fn number(context: &TraceContext, key: &str, digits: RangeInclusive<usize>) -> Option<u64> {
    let parts = ot(context).split(';').filter_map(|part| part.split_once(':'));
    let values: Vec<_> = parts.filter(|(name, _)| *name == key).map(|(_, value)| value).collect();
    let [value] = values.as_slice() else { return None };
    hex(&format!("{value:0<14}")).filter(|_| digits.contains(&value.len()))
}

fn hex(digits: &str) -> Option<u64> {
    let digits: Option<Vec<_>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    Some(digits?.into_iter().take(14).fold(0, |number, digit| number * 16 + u64::from(digit)))
}
