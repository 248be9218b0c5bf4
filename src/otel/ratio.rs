use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::bridge::{OT, deferred};

/// Keeps a share of the traces, by a number that everybody in the trace sees, so that services with
/// the same rate keep the same traces.
///
/// The number is Sentry's `sample_rand` where it came in, else `rv` of the member `ot` of `tracestate`,
/// else the 56 random bits of the trace id. The rate is written to `ot` as `th`
/// ([probability sampling](https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/)).
/// Use it as the root of [`ParentBased`](super::ParentBased).
///
/// ```
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use throughline::otel::{ParentBased, RatioBased};
///
/// let provider =
///     SdkTracerProvider::builder().with_sampler(ParentBased::new(RatioBased::new(0.25))).build();
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioBased {
    rate: f64,
    /// Random numbers from here on are kept.
    threshold: u64,
}

impl RatioBased {
    /// Keeps that share of the traces; less than 0 counts as 0, more than 1 as 1.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        let rate = if rate.is_nan() { 0.0 } else { rate.clamp(0.0, 1.0) };
        #[expect(clippy::cast_possible_truncation, reason = "the product is from 0 to 2^56")]
        #[expect(clippy::cast_sign_loss, reason = "the product is from 0 to 2^56")]
        let threshold = ((1.0 - rate) * (1_u64 << 56) as f64).round() as u64;
        Self { rate, threshold }
    }

    fn keeps(&self, parent: Option<&Context>, state: &TraceState, trace_id: TraceId) -> bool {
        let rand = parent.and_then(deferred).and_then(|trace| {
            let rand = trace.baggage().sentry().get("sample_rand")?.parse::<f64>().ok()?;
            (0.0..1.0).contains(&rand).then_some(rand)
        });
        match rand {
            Some(rand) => rand < self.rate,
            None => random_value(state, trace_id) >= self.threshold,
        }
    }

    /// The state with the rate in it.
    fn mark(&self, state: &TraceState) -> TraceState {
        let kept = parts(state.get(OT).unwrap_or_default()).filter(|(key, _)| *key != "th");
        let digits = format!("{:014x}", self.threshold);
        let digits = match digits.trim_end_matches('0') {
            "" => "0",
            digits => digits,
        };
        let mut value = format!("th:{digits}");
        for (key, part) in kept {
            value.push_str(&format!(";{key}:{part}"));
        }
        state.insert(OT, value).unwrap_or_else(|_| state.clone())
    }
}

impl ShouldSample for RatioBased {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let state = parent_context
            .map(|cx| {
                // What came in is whole in our context; a span's holds it only if it was sampled.
                let received = deferred(cx).map(|trace| trace.trace_state().iter());
                let received = received.map(TraceState::from_key_value).and_then(Result::ok);
                received.unwrap_or_else(|| cx.span().span_context().trace_state().clone())
            })
            .unwrap_or_default();
        let keeps = self.keeps(parent_context, &state, trace_id);
        SamplingResult {
            decision: if keeps {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: if keeps { self.mark(&state) } else { state },
        }
    }
}

/// The explicit random value if there is one, else the low 56 bits of the trace id.
fn random_value(state: &TraceState, trace_id: TraceId) -> u64 {
    let explicit = parts(state.get(OT).unwrap_or_default()).find(|(key, _)| *key == "rv");
    if let Some((_, digits)) = explicit
        && digits.len() == 14
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return digits.bytes().fold(0, |value, digit| {
            let digit = if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
            value << 4 | u64::from(digit)
        });
    }
    let [.., a, b, c, d, e, f, g] = trace_id.to_bytes();
    u64::from_be_bytes([0, a, b, c, d, e, f, g])
}

/// The parts of the member `ot`: `key:value`, separated by semicolons.
fn parts(ot: &str) -> impl Iterator<Item = (&str, &str)> {
    ot.split(';').filter_map(|part| part.split_once(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otel::{ContextExt, ParentBased};
    use crate::propagation::{Propagator, SentryConfig};
    use opentelemetry::trace::{Span, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    fn provider(rate: f64) -> SdkTracerProvider {
        SdkTracerProvider::builder().with_sampler(ParentBased::new(RatioBased::new(rate))).build()
    }

    /// What the next hop is told by a span of a trace that came in like this.
    fn sent(rate: f64, carrier: &[(&str, &str)]) -> Vec<(String, String)> {
        let propagator = Propagator::default();
        let cx = Context::new().with_trace_context(propagator.extract(carrier).context);
        let cx = cx.with_span(provider(rate).tracer("test").start_with_context("span", &cx));
        let mut out = Vec::new();
        propagator.inject(&cx.trace_context(), &mut out);
        out
    }

    fn sampled(rate: f64, carrier: &[(&str, &str)]) -> bool {
        let sent = sent(rate, carrier);
        sent.iter().any(|(name, value)| name == "sentry-trace" && value.ends_with("-1"))
    }

    #[test]
    fn se_7_a_deferred_trace_is_decided_by_its_sample_rand() {
        for (rand, rate, kept) in
            [("0.1", 0.25, true), ("0.25", 0.25, false), ("0.9", 1.0, true), ("0.0", 0.0, false)]
        {
            let dsc = format!("sentry-sample_rand={rand}");
            assert_eq!(
                sampled(rate, &[("sentry-trace", SENTRY), ("baggage", &dsc)]),
                kept,
                "{rand}"
            );
        }
    }

    #[test]
    fn an_explicit_random_value_counts_before_the_trace_id() {
        let span = |rv: &str, rate: f64| {
            let state = TraceState::from_key_value([("ot", format!("rv:{rv};x:1"))]).unwrap();
            let parent = opentelemetry::trace::SpanContext::new(
                TraceId::INVALID,
                opentelemetry::trace::SpanId::INVALID,
                Default::default(),
                true,
                state,
            );
            let cx = Context::new().with_remote_span_context(parent);
            RatioBased::new(rate).should_sample(
                Some(&cx),
                TraceId::from_bytes([0; 16]),
                "",
                &SpanKind::Internal,
                &[],
                &[],
            )
        };
        let kept = span("c0000000000000", 0.25);
        assert_eq!(kept.decision, SamplingDecision::RecordAndSample);
        assert_eq!(kept.trace_state.get("ot"), Some("th:c;rv:c0000000000000;x:1"));
        assert_eq!(span("bfffffffffffff", 0.25).decision, SamplingDecision::Drop);
        assert_eq!(
            span("nonsense", 0.25).decision,
            SamplingDecision::Drop,
            "the id has only zeros"
        );
    }

    #[test]
    fn new_traces_are_kept_at_the_rate_and_say_so() {
        let tracer = provider(0.25).tracer("test");
        let spans = (0..4000).map(|_| tracer.start_with_context("root", &Context::new()));
        let kept: Vec<_> = spans.filter(|span| span.span_context().is_sampled()).collect();
        assert!((800..1200).contains(&kept.len()), "{}", kept.len());
        assert!(
            kept.iter().all(|span| span.span_context().trace_state().get("ot") == Some("th:c"))
        );
        // The sampling context that the head sends agrees with the decision.
        let propagator = Propagator::default().sentry(SentryConfig::new().sample_rate(0.25));
        for span in kept {
            let mut out: Vec<(String, String)> = Vec::new();
            propagator.inject(&Context::new().with_span(span).trace_context(), &mut out);
            let baggage = out.iter().find(|(name, _)| name == "baggage").unwrap();
            let baggage: crate::context::Baggage = baggage.1.parse().unwrap();
            let rand = baggage.sentry().get("sample_rand").unwrap().parse::<f64>().unwrap();
            assert!(rand < 0.25);
        }
    }

    #[test]
    fn a_decision_about_a_trace_that_came_in_is_sent_on_with_its_threshold() {
        let sent = sent(1.0, &[("sentry-trace", SENTRY)]);
        assert!(sent.contains(&("tracestate".into(), "ot=th:0".into())), "{sent:?}");
    }
}
