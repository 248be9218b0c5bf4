//! Spans and metrics of the OpenTelemetry SDK, as they are exported.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use conformance::Parent;
use opentelemetry::trace::{
    Link, SpanId, SpanKind, Status, TraceContextExt as _, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{
    SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
};

use crate::log::{EndedSpan, Log, Outcome};

/// Writes ended spans into the log.
#[derive(Debug)]
pub(crate) struct Recorder(pub(crate) Log);

impl SpanProcessor for Recorder {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.span_ended(|| EndedSpan {
            outcome: outcome(&span),
            parent: parent(&span),
            text: format!("{span:?}"),
        });
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn outcome(span: &SpanData) -> Outcome {
    let attribute = |key: &str| {
        let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| attribute.value.to_string())
    };
    match &span.status {
        Status::Unset => Outcome::Unset,
        Status::Ok => Outcome::Ok,
        Status::Error { description } => {
            let described = Some(description.to_string()).filter(|text| !text.is_empty());
            let what = attribute("error.type").or_else(|| attribute("error.message"));
            Outcome::Failed(what.or(described))
        }
    }
}

fn parent(span: &SpanData) -> Option<Parent> {
    (span.parent_span_id != SpanId::INVALID).then(|| Parent {
        trace_id: span.span_context.trace_id().to_string(),
        parent_id: span.parent_span_id.to_string(),
        sampled: Some(span.span_context.is_sampled()),
    })
}

/// Follows the caller's decision, and shows spans that are not sampled to the processor all the same:
/// whom they continue is asked of those as well.
#[derive(Clone, Debug)]
pub(crate) struct ShowsAll;

impl ShouldSample for ShowsAll {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let span = parent.map(|context| context.span().span_context().clone());
        let span = span.filter(|span| span.is_valid());
        let decision = match &span {
            Some(span) if !span.is_sampled() => SamplingDecision::RecordOnly,
            _ => SamplingDecision::RecordAndSample,
        };
        let trace_state = span.map_or_else(TraceState::default, |span| span.trace_state().clone());
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

/// The sum of `http.server.active_requests`; none while nobody has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActiveRequests(Arc<Mutex<Option<i64>>>);

impl ActiveRequests {
    pub(crate) fn sum(&self) -> Option<i64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PushMetricExporter for ActiveRequests {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let all = metrics.scope_metrics().flat_map(|scope| scope.metrics());
        let sum = all.filter(|metric| metric.name() == "http.server.active_requests").map(sum_of);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sum.reduce(|a, b| a + b);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn sum_of(metric: &Metric) -> i64 {
    match metric.data() {
        AggregatedMetrics::I64(MetricData::Sum(sum)) => {
            sum.data_points().map(|point| point.value()).sum()
        }
        _ => 0,
    }
}
