//! Metrics of a unit test, as lines of text.

use std::fmt::Display;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

/// Keeps the latest state of every series.
#[derive(Clone, Debug)]
pub(super) struct RecordedMetrics {
    provider: SdkMeterProvider,
    lines: Arc<Mutex<Vec<String>>>,
}

impl RecordedMetrics {
    pub(super) fn new() -> Self {
        let lines = Arc::default();
        let exporter = Exporter(Arc::clone(&lines));
        // It is asked to export; by itself it would do so after an hour.
        let reader =
            PeriodicReader::builder(exporter).with_interval(Duration::from_secs(3600)).build();
        Self { provider: SdkMeterProvider::builder().with_reader(reader).build(), lines }
    }

    pub(super) fn provider(&self) -> SdkMeterProvider {
        self.provider.clone()
    }

    /// `name value|count unit key=value ..`, sorted. Histograms of seconds show their count only.
    pub(super) fn lines(&self) -> Vec<String> {
        self.provider.force_flush().unwrap();
        let mut lines = self.lines.lock().unwrap().clone();
        lines.sort();
        lines
    }

    /// The lines of one metric, without its name.
    pub(super) fn of(&self, name: &str) -> Vec<String> {
        let lines = self.lines();
        let of = lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        of.map(str::to_owned).collect()
    }
}

#[derive(Debug)]
struct Exporter(Arc<Mutex<Vec<String>>>);

impl PushMetricExporter for Exporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut lines = Vec::new();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            let mut line = |value: String, attributes: &mut dyn Iterator<Item = &KeyValue>| {
                let mut labels: Vec<_> =
                    attributes.map(|label| format!(" {}={}", label.key, label.value)).collect();
                labels.sort();
                lines.push(format!(
                    "{} {value} {}{}",
                    metric.name(),
                    metric.unit(),
                    labels.concat()
                ));
            };
            match metric.data() {
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                    for point in histogram.data_points() {
                        assert_eq!(point.bounds().count(), 14);
                        line(point.count().to_string(), &mut point.attributes());
                    }
                }
                AggregatedMetrics::U64(MetricData::Histogram(histogram)) => {
                    for point in histogram.data_points() {
                        let value = format!("{}/{}", point.sum(), point.count());
                        line(value, &mut point.attributes());
                    }
                }
                AggregatedMetrics::I64(MetricData::Sum(sum)) => sums(sum, &mut line),
                AggregatedMetrics::U64(MetricData::Sum(sum)) => sums(sum, &mut line),
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

fn sums<T: Copy + Display>(
    sum: &opentelemetry_sdk::metrics::data::Sum<T>,
    line: &mut dyn FnMut(String, &mut dyn Iterator<Item = &KeyValue>),
) {
    for point in sum.data_points() {
        line(point.value().to_string(), &mut point.attributes());
    }
}
