use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::bridge::deferred;

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
            .filter(|cx| deferred(cx).is_none());
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
        let span = cx.span();
        let parent = span.span_context();
        SamplingResult {
            decision: if parent.is_sampled() {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: parent.trace_state().clone(),
        }
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
}
