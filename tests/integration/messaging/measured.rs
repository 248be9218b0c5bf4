//! Metrics of a test, as lines of text.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

#[derive(Clone, Debug)]
pub(crate) struct Measured {
    provider: SdkMeterProvider,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Measured {
    pub(crate) fn new() -> Self {
        let lines = Arc::default();
        // It is asked to export; by itself it would do so after an hour.
        let reader = PeriodicReader::builder(Lines(Arc::clone(&lines)))
            .with_interval(Duration::from_secs(3600))
            .build();
        Self { provider: SdkMeterProvider::builder().with_reader(reader).build(), lines }
    }

    pub(crate) fn provider(&self) -> SdkMeterProvider {
        self.provider.clone()
    }

    /// `name count unit key=value ..`, sorted.
    pub(crate) fn lines(&self) -> String {
        self.provider.force_flush().unwrap();
        let mut lines = self.lines.lock().unwrap().clone();
        lines.sort();
        lines.join("\n")
    }
}

#[derive(Debug)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl PushMetricExporter for Lines {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut lines = Vec::new();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            let mut line = |count: u64, labels: &mut dyn Iterator<Item = &KeyValue>| {
                let mut labels: Vec<_> =
                    labels.map(|label| format!(" {}={}", label.key, label.value)).collect();
                labels.sort();
                lines.push(format!(
                    "{} {count} {}{}",
                    metric.name(),
                    metric.unit(),
                    labels.concat()
                ));
            };
            match metric.data() {
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    for point in histogram.data_points() {
                        assert_eq!(point.bounds().count(), 14);
                        line(point.count(), &mut point.attributes());
                    }
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                    for point in sum.data_points() {
                        line(point.value().try_into().unwrap(), &mut point.attributes());
                    }
                }
                AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                    for point in sum.data_points() {
                        line(point.value(), &mut point.attributes());
                    }
                }
                other => panic!("nothing here makes {other:?}"),
            }
        }
        *self.0.lock().unwrap() = lines;
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
