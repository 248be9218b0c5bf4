use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::bridge::is_deferred;
use super::ot::{OT, Ot, with_threshold};

/// Follows the parent's decision, and asks another sampler where there is none: for a new trace, and
/// for a trace whose decision is still open.
///
/// OpenTelemetry's own parent-based sampler takes a deferred `sentry-trace` (rule SE-3) for one that
/// was not sampled, and the trace would be lost.
///
/// ```
/// use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
/// use throughline::otel::ParentBased;
///
/// let provider = SdkTracerProvider::builder()
///     .with_sampler(ParentBased::new(Sampler::TraceIdRatioBased(0.1)))
///     .build();
/// ```
#[derive(Clone, Debug)]
pub struct ParentBased<S> {
    root: S,
}

impl<S: ShouldSample> ParentBased<S> {
    /// Asks `root` where no parent has decided.
    pub fn new(root: S) -> Self {
        Self { root }
    }
}

impl<S: ShouldSample + Clone + 'static> ShouldSample for ParentBased<S> {
    fn should_sample(
        &self,
        parent_context: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        span_kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let decided = parent_context
            .filter(|cx| cx.span().span_context().is_valid())
            .filter(|cx| !is_deferred(cx));
        let Some(cx) = decided else {
            return self.root.should_sample(
                parent_context,
                trace_id,
                name,
                span_kind,
                attributes,
                links,
            );
        };
        follow(cx.span().span_context())
    }
}

/// The parent's decision, with its threshold if that can be what it rests on: the specification wants
/// one erased that would have dropped the trace, or that comes with a decision against it.
fn follow(parent: &SpanContext) -> SamplingResult {
    let state = parent.trace_state();
    let ot = Ot::from(state.get(OT));
    let random_value = ot.random_value(parent.trace_id().to_bytes());
    let threshold = ot.threshold().filter(|th| parent.is_sampled() && th.keeps(random_value));
    SamplingResult {
        decision: if parent.is_sampled() {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        },
        attributes: Vec::new(),
        trace_state: with_threshold(state.clone(), ot, threshold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceContext;
    use crate::otel::ContextExt;
    use crate::propagation::Propagator;
    use opentelemetry::trace::{Span, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

    const IDS: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";

    fn sampled(root: Sampler, sentry_trace: &str) -> bool {
        let carrier = [("sentry-trace", sentry_trace)];
        let trace: TraceContext = Propagator::default().extract(carrier.as_slice()).context;
        let cx = Context::new().with_trace_context(trace);
        let provider = SdkTracerProvider::builder().with_sampler(ParentBased::new(root)).build();
        provider.tracer("test").start_with_context("span", &cx).span_context().is_sampled()
    }

    #[test]
    fn se_3_a_deferred_decision_is_made_by_the_root_sampler() {
        assert!(sampled(Sampler::AlwaysOn, IDS));
        assert!(!sampled(Sampler::AlwaysOff, IDS));
    }

    #[test]
    fn a_decision_that_was_made_is_followed() {
        assert!(sampled(Sampler::AlwaysOff, &format!("{IDS}-1")));
        assert!(!sampled(Sampler::AlwaysOn, &format!("{IDS}-0")));
    }

    #[test]
    fn the_children_of_a_span_follow_it_and_not_the_open_decision() {
        let carrier = [("sentry-trace", IDS)];
        let cx = Context::new()
            .with_trace_context(Propagator::default().extract(carrier.as_slice()).context);
        let provider =
            SdkTracerProvider::builder().with_sampler(ParentBased::new(Sampler::AlwaysOn)).build();
        let tracer = provider.tracer("test");
        let span = tracer.start_with_context("span", &cx);
        let cx = cx.with_span(span);
        let never =
            SdkTracerProvider::builder().with_sampler(ParentBased::new(Sampler::AlwaysOff)).build();
        assert!(never.tracer("test").start_with_context("child", &cx).span_context().is_sampled());
    }
    /// The flag and the state that a span of a trace goes out with that came in like this.
    fn sent(root: Sampler, flag: &str, state: &str) -> (bool, String) {
        let parent = format!("00-{IDS}-{flag}");
        let mut carrier = vec![("traceparent", parent.as_str()), ("tracestate", state)];
        if flag == "00" {
            carrier.push(("sentry-trace", IDS));
        }
        let cx = Context::new().with_trace_context(Propagator::default().extract(&carrier).context);
        let provider = SdkTracerProvider::builder().with_sampler(ParentBased::new(root)).build();
        let cx = cx.with_span(provider.tracer("test").start_with_context("span", &cx));
        let sampled = cx.span().span_context().is_sampled();
        // What is exported says the same as what is sent.
        if let Some(ot) = cx.span().span_context().trace_state().get(OT) {
            assert_eq!(cx.trace_context().trace_state().get(OT), Some(ot));
        }
        (sampled, cx.trace_context().trace_state().as_str().to_owned())
    }

    #[test]
    fn a_threshold_that_the_decision_can_rest_on_is_followed() {
        // The random bits of the trace id begin with 48.
        for state in
            ["ot=th:4;x:1,a=1", "a=1,ot=th:48", "foo@@bar=1,ot=th:0", "ot=th:f;rv:ffffffffffffff"]
        {
            assert_eq!(sent(Sampler::AlwaysOff, "01", state), (true, state.to_owned()));
        }
    }

    #[test]
    fn a_threshold_that_the_decision_does_not_rest_on_is_erased() {
        for (root, flag, state, out) in [
            (Sampler::AlwaysOff, "01", "ot=th:f", ""),
            (Sampler::AlwaysOff, "01", "ot=th:49;x:1,a=1", "ot=x:1,a=1"),
            (Sampler::AlwaysOff, "01", "ot=th:0;rv:00000000000000;th:0", "ot=rv:00000000000000"),
            (Sampler::AlwaysOff, "01", "ot=th:4;rv:00000000000000", "ot=rv:00000000000000"),
            (Sampler::AlwaysOff, "01", "ot=th:nonsense", ""),
            (Sampler::AlwaysOn, "00", "ot=th:f", ""),
            (Sampler::AlwaysOff, "00", "ot=th:0,a=1", "a=1"),
        ] {
            let sampled = flag == "01" || matches!(root, Sampler::AlwaysOn);
            assert_eq!(sent(root, flag, state), (sampled, out.to_owned()), "{state}");
        }
    }
}
