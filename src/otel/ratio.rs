use opentelemetry::trace::{
    Link, SpanContext, SpanKind, SpanRef, TraceContextExt, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::bridge::received;
use super::ot::{OT, Ot, Threshold, mirror, with_threshold};
use crate::context::TraceContext;

/// Keeps a share of the traces, by a number that everybody in the trace sees, so that services with
/// the same rate keep the same traces.
///
/// The number is Sentry's `sample_rand` where it came in with the trace, else `rv` of the member `ot`
/// of `tracestate`, else the 56 random bits of the trace id. A rate of less than half of 2^-56 keeps
/// nothing but a `sample_rand` below it.
///
/// The rate is written to `ot` as the threshold `th`
/// ([probability sampling](https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/))
/// if the decision rests on the W3C's random bits, or if every trace is kept. A decision by
/// `sample_rand` erases it: `th` promises that the random bits are at or above it. `rv` is never
/// written or changed.
///
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
    threshold: Option<Threshold>,
}

impl RatioBased {
    /// Keeps that share of the traces; less than 0 counts as 0, more than 1 as 1.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        let rate = if rate.is_nan() { 0.0 } else { rate.clamp(0.0, 1.0) };
        Self { rate, threshold: Threshold::of_rate(rate) }
    }

    /// Whether the trace is kept, and the threshold that says how likely that was.
    fn decide(
        &self,
        sample_rand: Option<f64>,
        ot: Ot<'_>,
        trace_id: TraceId,
    ) -> (bool, Option<Threshold>) {
        match sample_rand {
            // Nobody else can tell this number from the threshold, and `rv` must not be changed to say
            // it: only the root of a trace may choose that, and other branches have left with what came
            // in. A threshold only where the random bits agree would count spans wrongly, since it would
            // depend on chance twice. A rate of 1 depends on nothing.
            Some(rand) => (rand < self.rate, self.threshold.filter(|th| th.keeps_all())),
            None => {
                let random_value = ot.random_value(trace_id.to_bytes());
                (self.threshold.is_some_and(|th| th.keeps(random_value)), self.threshold)
            }
        }
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
        let received = parent_context.and_then(received);
        let parent = parent_context.map(|cx| cx.span());
        let parent = parent.as_ref().map(SpanRef::span_context);
        let state = parent.map_or(&TraceState::NONE, SpanContext::trace_state);
        // What came in is whole in our context; a span's state holds it only if it was sampled.
        let known = received.map_or_else(|| state.get(OT), |trace| trace.trace_state().get(OT));
        let sample_rand = received.and_then(sample_rand);
        let (keeps, threshold) = self.decide(sample_rand, known.into(), trace_id);
        let (decision, trace_state) = if keeps {
            let state = exported(state, received);
            (SamplingDecision::RecordAndSample, with_threshold(state, known.into(), threshold))
        } else {
            let ot = state.get(OT).into();
            (SamplingDecision::Drop, with_threshold(state.clone(), ot, None))
        };
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

/// The state of a span that is kept, though its parent's may be empty.
fn exported(state: &TraceState, received: Option<&TraceContext>) -> TraceState {
    match received {
        Some(trace) if *state == TraceState::NONE => mirror(trace.trace_state()),
        _ => state.clone(),
    }
}

/// The number that Sentry's head of the trace has drawn (rule SE-7). Baggage that did not come with
/// Sentry's trace header is not heard (rule SE-5).
fn sample_rand(trace: &TraceContext) -> Option<f64> {
    let rand = trace.sampling_frozen().then(|| trace.baggage().sentry().get("sample_rand"))??;
    rand.parse().ok().filter(|rand| (0.0..1.0).contains(rand))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otel::{ContextExt, ParentBased};
    use crate::propagation::{Propagator, SentryConfig};
    use opentelemetry::trace::{Span, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;

    const SENTRY: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
    const W3C: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    fn provider(sampler: impl ShouldSample + 'static) -> SdkTracerProvider {
        SdkTracerProvider::builder().with_sampler(sampler).build()
    }

    fn follower(rate: f64) -> ParentBased<RatioBased> {
        ParentBased::new(RatioBased::new(rate))
    }

    fn received(carrier: &[(&str, &str)]) -> Context {
        Context::new().with_trace_context(Propagator::default().extract(carrier).context)
    }

    /// What the next hop is told by a span of that context: the flag and the state.
    fn sent(sampler: impl ShouldSample + 'static, cx: &Context) -> (bool, String) {
        let span = provider(sampler).tracer("test").start_with_context("span", cx);
        let context = cx.with_span(span).trace_context();
        (context.sampled() == Some(true), context.trace_state().as_str().to_owned())
    }

    /// The same for a trace whose decision is still open.
    fn deferred(rate: f64, state: &str, baggage: &str) -> (bool, String) {
        let w3c = format!("{W3C}-00");
        let fields = [("sentry-trace", SENTRY), ("traceparent", &w3c)];
        let lists = [("tracestate", state), ("baggage", baggage)];
        sent(follower(rate), &received(&[fields, lists].concat()))
    }

    fn kept(state: &str) -> (bool, String) {
        (true, state.to_owned())
    }

    fn dropped(state: &str) -> (bool, String) {
        (false, state.to_owned())
    }

    #[test]
    fn se_7_a_deferred_trace_is_decided_by_its_sample_rand() {
        for (rand, rate, keeps) in [
            ("0.1", 0.25, true),
            ("0.25", 0.25, false),
            ("0.9", 1.0, true),
            ("0.0", 0.0, false),
            ("0.0", 1e-17, true),
        ] {
            let dsc = format!("sentry-sample_rand={rand}");
            assert_eq!(deferred(rate, "", &dsc).0, keeps, "{rand}");
        }
    }

    #[test]
    fn a_decision_by_sample_rand_is_said_without_threshold() {
        let rand = "sentry-sample_rand=0.1";
        assert_eq!(deferred(0.25, "", rand), kept(""));
        let random = "ot=rv:00000000000001";
        assert_eq!(deferred(0.25, random, rand), kept(random));
        let agrees = "ot=rv:ffffffffffffff";
        assert_eq!(
            deferred(0.25, agrees, rand),
            kept(agrees),
            "by chance, which would count twice"
        );
        assert_eq!(deferred(0.25, "ot=th:c;x:1,b=2", rand), kept("ot=x:1,b=2"));
        for tiny in [1e-17, 5e-17] {
            assert_eq!(deferred(tiny, "", "sentry-sample_rand=0.0"), kept(""));
        }
        assert_eq!(deferred(1.0, random, rand), kept("ot=th:0;rv:00000000000001"));
    }

    #[test]
    fn se_5_a_sample_rand_without_sentry_trace_decides_nothing() {
        let only_w3c = Propagator::default().accept([
            crate::propagation::Format::TraceContext,
            crate::propagation::Format::Baggage,
        ]);
        let parent = format!("{W3C}-00");
        let carrier = [("traceparent", parent.as_str()), ("baggage", "sentry-sample_rand=0.1")];
        let context = only_w3c.extract(carrier.as_slice()).context;
        assert!(!context.baggage().is_empty());
        let cx = Context::new().with_trace_context(context);
        assert!(!sent(RatioBased::new(0.25), &cx).0, "the id is below the threshold");
    }

    #[test]
    fn an_explicit_random_value_counts_before_the_trace_id() {
        assert_eq!(
            deferred(0.25, "ot=rv:c0000000000000;x:1", ""),
            kept("ot=th:c;rv:c0000000000000;x:1")
        );
        for state in
            ["ot=rv:bfffffffffffff", "ot=rv:nonsense", "ot=rv:c0000000000000;rv:f0000000000000"]
        {
            assert_eq!(deferred(0.25, state, ""), dropped(state));
        }
        assert_eq!(deferred(0.25, "ot=rv:C0000000000000", ""), kept("ot=th:c;rv:C0000000000000"));
    }

    #[test]
    fn a_random_value_is_found_beside_keys_that_opentelemetry_refuses() {
        let state = "ot=rv:ffffffffffffff;x:1,foo@@bar=1";
        for (rate, th) in [(0.25, "c"), (1.0, "0")] {
            let out = format!("ot=th:{th};rv:ffffffffffffff;x:1,foo@@bar=1");
            assert_eq!(deferred(rate, state, ""), kept(&out));
        }
    }

    #[test]
    fn who_asks_no_parent_finds_the_random_value_whatever_was_decided() {
        for flag in ["00", "01"] {
            let parent = format!("{W3C}-{flag}");
            let cx = |state| received(&[("traceparent", &parent), ("tracestate", state)]);
            let random = cx("ot=rv:ffffffffffffff;x:1,b=2");
            for (rate, th) in [(0.25, "c"), (1.0, "0")] {
                let out = format!("ot=th:{th};rv:ffffffffffffff;x:1,b=2");
                assert_eq!(sent(RatioBased::new(rate), &random), kept(&out), "{flag}");
            }
            let low = cx("ot=rv:0000000000000f;th:0,b=2");
            assert_eq!(sent(RatioBased::new(0.25), &low), dropped("ot=rv:0000000000000f,b=2"));
        }
    }

    #[test]
    fn a_span_that_is_kept_is_exported_with_the_state_that_came_in() {
        let parent = format!("{W3C}-00");
        let cx = received(&[("traceparent", &parent), ("tracestate", "a=1,foo@@bar=1,ot=x:1")]);
        let span = provider(RatioBased::new(1.0)).tracer("test").start_with_context("span", &cx);
        assert_eq!(span.span_context().trace_state().header(), "ot=th:0;x:1,a=1");
    }

    #[test]
    fn every_span_of_a_trace_goes_by_the_same_number() {
        let dsc = [("sentry-trace", SENTRY), ("baggage", "sentry-sample_rand=0.1")];
        let rv = [("traceparent", &*format!("{W3C}-00")), ("tracestate", "ot=rv:ffffffffffffff")];
        for carrier in [dsc, rv] {
            let (never, always) = (RatioBased::new(0.0), RatioBased::new(0.25));
            for first in [never, always] {
                let cx = received(&carrier);
                let span = provider(first).tracer("test").start_with_context("first", &cx);
                assert!(sent(always, &cx.with_span(span)).0);
            }
        }
    }

    #[test]
    fn a_threshold_that_does_not_fit_leaves_none_behind() {
        // 256 characters with the threshold of a rate of 1, more with that of 0.1.
        let others = format!("rv:ffffffffffffff;y:{}", "v".repeat(231));
        let state = |threshold| format!("ot={threshold};{others}");
        assert_eq!(deferred(1.0, &state("th:8"), ""), kept(&state("th:0")));
        assert_eq!(deferred(0.1, &state("th:0"), ""), kept(&format!("ot={others}")));
    }

    #[test]
    fn a_dropped_span_has_no_threshold() {
        let sampled = format!("{W3C}-01");
        let cx = received(&[("traceparent", &sampled), ("tracestate", "ot=th:0")]);
        assert_eq!(sent(RatioBased::new(0.25), &cx), dropped(""));
        // Nor where the trace came in through another propagator.
        let state = TraceState::from_key_value([("ot", "th:0;x:1"), ("a", "1")]).unwrap();
        let parent =
            SpanContext::new(1.into(), 1.into(), opentelemetry::TraceFlags::SAMPLED, true, state);
        let cx = Context::new().with_remote_span_context(parent);
        assert_eq!(sent(RatioBased::new(0.25), &cx), dropped("ot=x:1,a=1"));
        assert_eq!(sent(RatioBased::new(1.0), &cx), kept("ot=th:0;x:1,a=1"));
    }

    #[test]
    fn new_traces_are_kept_at_the_rate_and_say_so() {
        let tracer = provider(follower(0.25)).tracer("test");
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
    fn a_rate_that_no_threshold_can_say_keeps_no_new_trace() {
        for rate in [f64::NAN, -1.0, 0.0, 1e-18] {
            assert_eq!(RatioBased::new(rate).threshold, None);
            assert_eq!(deferred(rate, "ot=rv:ffffffffffffff", ""), dropped("ot=rv:ffffffffffffff"));
        }
        assert_eq!(
            deferred(1e-17, "ot=rv:ffffffffffffff", ""),
            kept("ot=th:ffffffffffffff;rv:ffffffffffffff")
        );
    }
}
