//! The head of a trace says how it samples: Sentry's
//! [dynamic sampling context](https://develop.sentry.dev/sdk/telemetry/traces/dynamic-sampling-context/).

use super::SentryConfig;
use super::baggage::Sampling;
use crate::context::{Baggage, TraceContext, TraceId, TraceParent};

/// Whether the trace is one that nobody has described yet and that can be described (rule SE-4).
pub(super) fn is_missing(context: &TraceContext) -> bool {
    context.parent().is_some()
        && !context.sampling_frozen()
        && context.baggage().sentry().is_empty()
}

/// Describes a trace (rule SE-6). The description is a function of the trace, so that every send of it
/// says the same without a place to freeze it in.
pub(super) fn describe(config: &SentryConfig, context: &TraceContext) -> Baggage {
    let mut baggage = Baggage::default();
    let Some(parent) = context.parent() else { return baggage };
    // Where another service began the trace, the decision does not rest on our rate.
    let rate = config.sample_rate.filter(|_| context.begun_here());
    let rand = sample_rand(parent, rate);
    let rate = rate.map(|rate| rate.to_string());
    let trace_id = parent.trace_id().to_string();
    let members = [
        ("sentry-trace_id", Some(trace_id.as_str())),
        ("sentry-public_key", config.public_key.as_deref()),
        ("sentry-sample_rate", rate.as_deref()),
        (SAMPLE_RAND, rand.as_deref()),
        ("sentry-sampled", parent.sampled().map(|yes| if yes { "true" } else { "false" })),
        ("sentry-release", config.release.as_deref()),
        ("sentry-environment", config.environment.as_deref()),
        ("sentry-transaction", context.transaction()),
        ("sentry-org_id", config.org_id.as_deref()),
    ];
    for (key, value) in members {
        if let Some(value) = value {
            // A member that does not fit any more is left out whole (rule BG-10).
            let _ = baggage.push(key, value);
        }
    }
    baggage
}

/// Gives a received dynamic sampling context the `sample_rand` that it lacks, or that is no number
/// from 0 to below 1 (rule SE-7). One that came in stays verbatim, and an empty context stays empty.
pub(super) fn complete(parent: &TraceParent, sampling: &Sampling<'_>, baggage: &mut Baggage) {
    if baggage.sentry().is_empty() {
        return;
    }
    let contradicts = parent.sampled() == Some(true) && sampling.has_rate_zero();
    if sampling.has_sample_rand() && !contradicts {
        return;
    }
    baggage.retain(|member| member.key() != SAMPLE_RAND);
    if let Some(rand) = sample_rand(parent, sampling.sample_rate()) {
        // Where it does not fit any more, the others count more (rule BG-10).
        let _ = baggage.push(SAMPLE_RAND, &rand);
    }
}

/// The random number that the decision is said to rest on: below the rate if the trace is sampled, at
/// or above it if not (rule SE-7). `None` where no number can be.
///
/// It is a function of the trace id, so every service comes to the same one.
fn sample_rand(parent: &TraceParent, rate: Option<f64>) -> Option<String> {
    let plain = millionths(parent.trace_id());
    let drawn = match (parent.sampled(), rate) {
        (Some(sampled), Some(rate)) => {
            // Exactly the numbers of millionths under this one are below the rate.
            #[expect(clippy::cast_possible_truncation, reason = "the rate is from 0 to 1")]
            #[expect(clippy::cast_sign_loss, reason = "the rate is from 0 to 1")]
            let limit = (rate * 1e6).ceil() as u64;
            let range = if sampled { 0..limit } else { limit..MILLION };
            if range.is_empty() {
                return None;
            }
            // A sampler of another kind decided otherwise than the id alone would: stretch it.
            let stretched = range.start + plain * (range.end - range.start) / MILLION;
            if range.contains(&plain) { plain } else { stretched }
        }
        _ => plain,
    };
    Some(format!("0.{drawn:06}"))
}

/// A number below one million, drawn from the 56 low bits of the trace id so that it falls below a
/// rate exactly when a sampler that follows the W3C's random bits keeps the trace.
fn millionths(trace_id: TraceId) -> u64 {
    let random = trace_id.to_u128() & LOW_56;
    let from_the_top = LOW_56 - random;
    u64::try_from((from_the_top * u128::from(MILLION)) >> 56).unwrap_or(MILLION - 1)
}

const MILLION: u64 = 1_000_000;
const SAMPLE_RAND: &str = "sentry-sample_rand";

const LOW_56: u128 = (1 << 56) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Decision, SpanId};

    fn parent(trace: u128, decision: Decision) -> TraceParent {
        let (Some(trace), Some(span)) = (TraceId::from_u128(trace), SpanId::from_u64(1)) else {
            unreachable!("both are above zero")
        };
        TraceParent::new(trace, span, decision)
    }

    fn described(config: &SentryConfig, parent: &TraceParent) -> Baggage {
        let named = TraceContext::new().with_transaction("GET /users/{id}");
        describe(config, &named.restart(*parent))
    }

    #[test]
    fn se_6_every_send_of_a_trace_says_the_same() {
        let config =
            SentryConfig::new().public_key("k").release("r@1").environment("e").sample_rate(1.0);
        let once = described(&config, &parent(LOW_56, Decision::Sampled));
        assert_eq!(once, described(&config, &parent(LOW_56, Decision::Sampled)));
        assert_eq!(
            once.as_str(),
            "sentry-trace_id=0000000000000000\
             00ffffffffffffff,sentry-public_key=k,sentry-sample_rate=1,sentry-sample_rand=0.000000,\
             sentry-sampled=true,sentry-release=r@1,sentry-environment=e,\
             sentry-transaction=GET%20/users/{id}"
        );
    }

    #[test]
    fn se_6_a_decision_that_was_made_elsewhere_does_not_rest_on_our_rate() {
        let config = SentryConfig::new().sample_rate(0.25);
        let continued = TraceContext::from(parent(LOW_56 >> 1, Decision::Sampled));
        let baggage = describe(&config, &continued);
        let names: Vec<_> = baggage.sentry().iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["trace_id", "sample_rand", "sampled"]);
        assert_eq!(baggage.sentry().get("sample_rand").as_deref(), Some("0.500000"));
    }

    #[test]
    fn se_7_sample_rand_is_below_the_rate_if_and_only_if_sampled() {
        for rate in [0.0, 0.000001, 0.25, 0.5, 1.0] {
            let config = SentryConfig::new().sample_rate(rate);
            for trace in [1, 1 << 20, 1 << 54, 1 << 55, LOW_56 - 1, LOW_56] {
                for sampled in [true, false] {
                    let baggage = described(&config, &parent(trace, Decision::from(sampled)));
                    let impossible =
                        (rate, sampled) == (0.0, true) || (rate, sampled) == (1.0, false);
                    let rand = baggage.sentry().get("sample_rand");
                    assert_eq!(rand.is_none(), impossible);
                    if let Some(rand) = rand {
                        assert_eq!(rand.len(), 8);
                        assert_eq!(rand.parse::<f64>().unwrap() < rate, sampled, "{rate} {trace}");
                    }
                }
            }
        }
        let contradiction = SentryConfig::new().sample_rate(0.0);
        let baggage = described(&contradiction, &parent(5, Decision::Sampled));
        assert_eq!(baggage.sentry().get("sample_rand"), None);
        assert_eq!(baggage.sentry().get("sampled").as_deref(), Some("true"));
    }
}
