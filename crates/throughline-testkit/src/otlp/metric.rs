//! The latest state of the metrics that a receiver was sent.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Metric, NumberDataPoint, ResourceMetrics,
};

use crate::limits::{MAX_KEPT_BYTES, MAX_SERIES};
use crate::span::{attributes, attributes_size, service_name};

/// One series of a metric: its state after the latest point.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MetricRecord {
    /// `service.name` of the resource; `unknown_service` if it has none.
    pub service: String,
    /// Name of the metric.
    pub name: String,
    /// Unit, as the sender wrote it.
    pub unit: String,
    /// What `value` means.
    pub kind: MetricKind,
    /// The sum, or the gauge's last value. Integers beyond 2^53 lose their last digits.
    pub value: f64,
    /// Number of measurements in a histogram or summary; 0 for sums and gauges, which do not say.
    pub count: u64,
    /// Attributes with their values as text.
    pub attributes: BTreeMap<String, String>,
}

/// What a metric measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A sum: counters and up-down counters.
    Sum,
    /// The last value of something.
    Gauge,
    /// A distribution with explicit or exponential buckets.
    Histogram,
    /// A distribution with quantiles, from older systems.
    Summary,
}

/// All series, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    series: BTreeMap<SeriesKey, Series>,
    bytes: usize,
    dropped: usize,
}

impl Metrics {
    /// Takes the points of one message, and returns how many there was no room for.
    pub(crate) fn extend(&mut self, metrics: Vec<ResourceMetrics>) -> usize {
        let before = self.dropped;
        for group in metrics {
            let service = service_name(group.resource.as_ref());
            let resource = Arc::new(attributes(group.resource.unwrap_or_default().attributes));
            for scoped in group.scope_metrics {
                let scope = scoped.scope.unwrap_or_default().name;
                for metric in scoped.metrics {
                    let key = SeriesKey {
                        resource: Arc::clone(&resource),
                        scope: scope.clone(),
                        name: metric.name.clone(),
                        unit: metric.unit.clone(),
                        kind: MetricKind::Sum,
                        attributes: BTreeMap::new(),
                    };
                    self.take(&service, &key, metric);
                }
            }
        }
        self.dropped - before
    }

    pub(crate) fn records(&self) -> Vec<MetricRecord> {
        let record = |(key, series): (&SeriesKey, &Series)| MetricRecord {
            service: series.service.clone(),
            name: key.name.clone(),
            unit: key.unit.clone(),
            kind: key.kind,
            value: series.value,
            count: series.count,
            attributes: key.attributes.clone(),
        };
        self.series.iter().map(record).collect()
    }

    pub(crate) fn dropped(&self) -> usize {
        self.dropped
    }

    fn take(&mut self, service: &str, key: &SeriesKey, metric: Metric) {
        for (kind, point) in points(metric) {
            let key = SeriesKey { kind, attributes: attributes(point.attributes), ..key.clone() };
            let bytes = self.bytes.saturating_add(service.len() + key.size());
            let full = self.series.len() >= MAX_SERIES || bytes > MAX_KEPT_BYTES;
            match self.series.entry(key) {
                Entry::Occupied(mut series) => series.get_mut().update(&point.state),
                Entry::Vacant(_) if full => self.dropped += 1,
                Entry::Vacant(place) => {
                    place.insert(Series {
                        service: service.to_owned(),
                        time: point.state.time,
                        value: point.state.value,
                        count: point.state.count,
                    });
                    self.bytes = bytes;
                }
            }
        }
    }
}

/// The whole resource belongs to the identity of a series: two processes of a service count each
/// on their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesKey {
    name: String,
    attributes: BTreeMap<String, String>,
    kind: MetricKind,
    unit: String,
    scope: String,
    resource: Arc<BTreeMap<String, String>>,
}

impl SeriesKey {
    fn size(&self) -> usize {
        size_of::<Self>()
            + size_of::<Series>()
            + self.name.len()
            + self.unit.len()
            + self.scope.len()
            + attributes_size(&self.attributes)
            + attributes_size(&self.resource)
    }
}

#[derive(Debug)]
struct Series {
    service: String,
    time: u64,
    value: f64,
    count: u64,
}

impl Series {
    fn update(&mut self, point: &State) {
        if point.delta {
            self.value += point.value;
            self.count = self.count.saturating_add(point.count);
            self.time = self.time.max(point.time);
        } else if point.time >= self.time {
            // An older point that arrives late would turn the counter back.
            (self.time, self.value, self.count) = (point.time, point.value, point.count);
        }
    }
}

struct Point {
    attributes: Vec<KeyValue>,
    state: State,
}

struct State {
    time: u64,
    value: f64,
    count: u64,
    /// Whether the value counts from the previous point, not from the start of the process.
    delta: bool,
}

/// The points of a metric of any kind in one form. Those that say "no value" are left out.
fn points(metric: Metric) -> Box<dyn Iterator<Item = (MetricKind, Point)>> {
    match metric.data {
        None => Box::new(std::iter::empty()),
        Some(Data::Gauge(gauge)) => {
            let points = gauge.data_points.into_iter().filter_map(|point| number(point, false));
            Box::new(points.map(|point| (MetricKind::Gauge, point)))
        }
        Some(Data::Sum(sum)) => {
            let delta = is_delta(sum.aggregation_temporality);
            let points = sum.data_points.into_iter().filter_map(move |point| number(point, delta));
            Box::new(points.map(|point| (MetricKind::Sum, point)))
        }
        Some(Data::Histogram(histogram)) => {
            let delta = is_delta(histogram.aggregation_temporality);
            let points = histogram.data_points.into_iter().filter(|point| has_value(point.flags));
            Box::new(points.map(move |point| {
                let value = point.sum.unwrap_or_default();
                let state = State { time: point.time_unix_nano, value, count: point.count, delta };
                (MetricKind::Histogram, Point { attributes: point.attributes, state })
            }))
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            let delta = is_delta(histogram.aggregation_temporality);
            let points = histogram.data_points.into_iter().filter(|point| has_value(point.flags));
            Box::new(points.map(move |point| {
                let value = point.sum.unwrap_or_default();
                let state = State { time: point.time_unix_nano, value, count: point.count, delta };
                (MetricKind::Histogram, Point { attributes: point.attributes, state })
            }))
        }
        Some(Data::Summary(summary)) => {
            let points = summary.data_points.into_iter().filter(|point| has_value(point.flags));
            Box::new(points.map(|point| {
                let (time, value, count) = (point.time_unix_nano, point.sum, point.count);
                let state = State { time, value, count, delta: false };
                (MetricKind::Summary, Point { attributes: point.attributes, state })
            }))
        }
    }
}

fn number(point: NumberDataPoint, delta: bool) -> Option<Point> {
    let value = match point.value.filter(|_| has_value(point.flags))? {
        Value::AsDouble(value) => value,
        Value::AsInt(value) => value as f64,
    };
    let state = State { time: point.time_unix_nano, value, count: 0, delta };
    Some(Point { attributes: point.attributes, state })
}

fn is_delta(temporality: i32) -> bool {
    temporality == i32::from(AggregationTemporality::Delta)
}

fn has_value(flags: u32) -> bool {
    flags & DataPointFlags::NoRecordedValueMask as u32 == 0
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value};
    use opentelemetry_proto::tonic::metrics::v1::{
        ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        ScopeMetrics, Sum, Summary, SummaryDataPoint,
    };
    use opentelemetry_proto::tonic::resource::v1::Resource;

    use super::*;

    fn pair(key: &str, value: &str) -> KeyValue {
        let value = any_value::Value::StringValue(value.into());
        KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
    }

    fn message(resource: &[(&str, &str)], data: Data) -> Vec<ResourceMetrics> {
        let attributes = resource.iter().map(|(key, value)| pair(key, value)).collect();
        vec![ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![Metric {
                    name: "events".into(),
                    unit: "1".into(),
                    data: Some(data),
                    ..Metric::default()
                }],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }]
    }

    fn point(time: u64, value: Value, attributes: &[(&str, &str)]) -> NumberDataPoint {
        NumberDataPoint {
            attributes: attributes.iter().map(|(key, value)| pair(key, value)).collect(),
            time_unix_nano: time,
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }

    fn sum(temporality: AggregationTemporality, points: Vec<NumberDataPoint>) -> Data {
        Data::Sum(Sum {
            data_points: points,
            aggregation_temporality: temporality.into(),
            is_monotonic: true,
        })
    }

    fn values(metrics: &Metrics) -> Vec<(MetricKind, f64, u64)> {
        metrics.records().iter().map(|metric| (metric.kind, metric.value, metric.count)).collect()
    }

    const API: &[(&str, &str)] = &[("service.name", "api")];

    #[test]
    fn the_latest_cumulative_point_of_a_series_stands() {
        let mut metrics = Metrics::default();
        for (time, value) in [(1, 5), (3, 9), (2, 7)] {
            let points = vec![point(time, Value::AsInt(value), &[("type", "a")])];
            metrics.extend(message(API, sum(AggregationTemporality::Cumulative, points)));
        }
        let expected = MetricRecord {
            service: "api".into(),
            name: "events".into(),
            unit: "1".into(),
            kind: MetricKind::Sum,
            value: 9.0,
            count: 0,
            attributes: BTreeMap::from([("type".into(), "a".into())]),
        };
        assert_eq!(metrics.records(), [expected]);
    }

    #[test]
    fn deltas_add_up() {
        let mut metrics = Metrics::default();
        for value in [1.5, 2.0] {
            let points = vec![point(1, Value::AsDouble(value), &[])];
            metrics.extend(message(API, sum(AggregationTemporality::Delta, points)));
            let points =
                vec![HistogramDataPoint { count: 2, sum: Some(value), ..Default::default() }];
            let histogram = Histogram {
                data_points: points,
                aggregation_temporality: AggregationTemporality::Delta.into(),
            };
            metrics.extend(message(API, Data::Histogram(histogram)));
        }
        assert_eq!(values(&metrics), [(MetricKind::Sum, 3.5, 0), (MetricKind::Histogram, 3.5, 4)]);
    }

    #[test]
    fn attributes_and_resources_make_their_own_series() {
        let mut metrics = Metrics::default();
        let one = |attributes| {
            let points = vec![point(1, Value::AsInt(1), attributes)];
            sum(AggregationTemporality::Cumulative, points)
        };
        metrics.extend(message(API, one(&[])));
        metrics.extend(message(API, one(&[("type", "a")])));
        metrics.extend(message(&[("service.name", "api"), ("process.pid", "7")], one(&[])));
        metrics.extend(message(API, one(&[])));
        assert_eq!(metrics.records().len(), 3);
        assert!(metrics.records().iter().all(|metric| metric.service == "api"));
    }

    #[test]
    fn every_kind_is_read_and_points_without_a_value_are_not() {
        let mut metrics = Metrics::default();
        let no_value = DataPointFlags::NoRecordedValueMask as u32;
        let skipped = NumberDataPoint { flags: no_value, ..point(1, Value::AsInt(8), &[]) };
        let gauge =
            Gauge { data_points: vec![skipped, point(1, Value::AsDouble(-1.0), &[("k", "v")])] };
        metrics.extend(message(&[("service.name", "a")], Data::Gauge(gauge)));
        let exponential = ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                count: 3,
                sum: Some(6.0),
                ..Default::default()
            }],
            ..Default::default()
        };
        metrics.extend(message(&[("service.name", "b")], Data::ExponentialHistogram(exponential)));
        let summary = Summary {
            data_points: vec![SummaryDataPoint { count: 2, sum: 4.0, ..Default::default() }],
        };
        metrics.extend(message(&[("service.name", "c")], Data::Summary(summary)));
        assert_eq!(
            values(&metrics),
            [
                (MetricKind::Histogram, 6.0, 3),
                (MetricKind::Summary, 4.0, 2),
                (MetricKind::Gauge, -1.0, 0)
            ]
        );
    }

    #[test]
    fn series_beyond_the_bound_are_dropped_and_known_ones_go_on() {
        let mut metrics = Metrics::default();
        let points = |value| {
            let names: Vec<_> = (0..MAX_SERIES + 3).map(|n| n.to_string()).collect();
            names.iter().map(|n| point(1, Value::AsInt(value), &[("n", n)])).collect()
        };
        for value in [1, 2] {
            let data = sum(AggregationTemporality::Cumulative, points(value));
            assert_eq!(metrics.extend(message(API, data)), 3);
        }
        assert_eq!((metrics.records().len(), metrics.dropped()), (MAX_SERIES, 6));
        assert!(metrics.records().iter().all(|metric| metric.value == 2.0));
    }
}
