//! A receiver of OTLP over HTTP for tests and demos.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

mod encoding;
mod metric;
mod serve;

pub use metric::{MetricKind, MetricRecord};

use crate::SpanRecord;
use crate::limits::MAX_BODIES;
use crate::store::{Capacity, Store, Timeout};
use metric::Metrics;

/// Receives spans and metrics by OTLP/HTTP on a free port of 127.0.0.1, as long as it is not
/// dropped.
///
/// It takes `POST /v1/traces` and `POST /v1/metrics` in protobuf or JSON, uncompressed, and
/// answers as OTLP demands, with a partial success if it left something out. What it cannot take
/// is refused with 400 (no OTLP message), 404 (another path or method), 408 (the body did not
/// arrive in [`REQUEST_TIME`](crate::limits::REQUEST_TIME)), 413 (more than
/// [`MAX_BODY_BYTES`](crate::limits::MAX_BODY_BYTES)) or 415 (another type, or compressed), and a line
/// of plain text.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// use throughline_testkit::OtlpReceiver;
///
/// let receiver = OtlpReceiver::start().await?;
/// // For the processes under test:
/// let variable = ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint());
/// assert!(receiver.spans().is_empty());
/// # assert!(variable.1.starts_with("http://127.0.0.1:"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OtlpReceiver {
    address: SocketAddr,
    inbox: Arc<Inbox>,
    server: JoinHandle<()>,
}

impl OtlpReceiver {
    /// Starts to receive, in a task of the current tokio runtime. Senders that block, as the
    /// blocking exporter does, need another thread than a runtime that has only one.
    ///
    /// # Errors
    /// If the system gives no port.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and a timer.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Capacity::default()).await
    }

    async fn start_with(capacity: Capacity) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let inbox = Arc::new(Inbox {
            spans: Store::new(capacity),
            metrics: Mutex::default(),
            bodies: Semaphore::new(MAX_BODIES),
        });
        let server = tokio::spawn(serve::serve(listener, Arc::clone(&inbox)));
        Ok(Self { address, inbox, server })
    }

    /// The base URL, for the environment variable `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The spans received so far, in the order of their arrival. A span that was sent twice is
    /// there twice.
    pub fn spans(&self) -> Vec<SpanRecord> {
        self.inbox.spans.spans()
    }

    /// The metrics received so far, one record per series with its latest state, ordered by name
    /// and attributes. Deltas are added up. Processes with different resources have different
    /// series, whether or not their service is the same.
    pub fn metrics(&self) -> Vec<MetricRecord> {
        self.inbox.with_metrics(|metrics| metrics.records())
    }

    /// Number of received spans that were left out: their ids were invalid, or there was no room.
    /// The sender was told.
    pub fn dropped(&self) -> usize {
        self.inbox.spans.dropped()
    }

    /// Number of received data points that were left out for want of room. The sender was told.
    pub fn dropped_points(&self) -> usize {
        self.inbox.with_metrics(|metrics| metrics.dropped())
    }

    /// Waits until `matches` accepts the spans received so far, and returns them.
    ///
    /// It is called once at the start and again when spans have arrived. Under
    /// `tokio::time::pause` the clock runs ahead of real senders.
    ///
    /// # Errors
    /// [`Timeout`] with the spans so far, if that is not the case within `timeout`.
    pub async fn wait_for(
        &self,
        matches: impl FnMut(&[SpanRecord]) -> bool,
        timeout: Duration,
    ) -> Result<Vec<SpanRecord>, Timeout> {
        self.inbox.spans.wait_for(matches, timeout).await
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        // The task owns the listener and all connections.
        self.server.abort();
    }
}

/// Where the connections put what they receive.
#[derive(Debug)]
struct Inbox {
    spans: Store,
    metrics: Mutex<Metrics>,
    /// Turns to read and decode a body.
    bodies: Semaphore,
}

impl Inbox {
    fn with_metrics<T>(&self, act: impl FnOnce(&mut Metrics) -> T) -> T {
        act(&mut self.metrics.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::metrics::MeterProvider;
    use opentelemetry::trace::{Span, SpanKind, Status as SdkStatus, Tracer, TracerProvider};
    use opentelemetry::{Array, KeyValue, Value};
    use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::metrics::SdkMeterProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;

    use super::*;
    use crate::{InMemorySpans, Tree};

    fn resource() -> Resource {
        Resource::builder_empty().with_service_name("api").build()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn spans_of_the_real_exporter_equal_those_in_memory() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let memory = InMemorySpans::for_service("api");
        let (builder, endpoint) = (memory.provider_builder(), receiver.endpoint());
        // The exporter's blocking client must not be made or dropped on a thread of the runtime.
        let sender = std::thread::spawn(move || {
            let exporter = SpanExporter::builder()
                .with_http()
                .with_endpoint(format!("{endpoint}/v1/traces"))
                .build()
                .unwrap();
            let provider: SdkTracerProvider = builder.with_batch_exporter(exporter).build();
            let tracer = provider.tracer("scope");
            tracer.in_span("handle", |_| {
                let mut span =
                    tracer.span_builder("send").with_kind(SpanKind::Producer).start(&tracer);
                span.set_attribute(KeyValue::new("list", Value::Array(Array::from(vec![1.5]))));
                span.add_event("retry", vec![KeyValue::new("attempt", 2)]);
                span.set_status(SdkStatus::error("gone"));
                span.end();
            });
            provider.shutdown().unwrap();
        });
        let spans = receiver.wait_for(|spans| spans.len() == 2, Duration::from_secs(30)).await;
        let spans = spans.unwrap();
        sender.join().unwrap();
        assert_eq!(spans, memory.finished());
        insta::assert_snapshot!(Tree::new(&spans).attributes(["list"]).messages(true), @r"
        api  handle  INTERNAL
        api    send  PRODUCER  ERROR(gone)  list=[1.5]
        ");
        assert_eq!(receiver.dropped(), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn metrics_of_the_real_exporter_arrive() {
        let receiver = OtlpReceiver::start().await.unwrap();
        let endpoint = receiver.endpoint();
        let sender = std::thread::spawn(move || {
            let exporter = MetricExporter::builder()
                .with_http()
                .with_endpoint(format!("{endpoint}/v1/metrics"))
                .build()
                .unwrap();
            let provider = SdkMeterProvider::builder()
                .with_resource(resource())
                .with_periodic_exporter(exporter)
                .build();
            let meter = provider.meter("test");
            let processed =
                meter.u64_counter("events.processed.total").with_unit("{event}").build();
            let duration = meter.f64_histogram("persistence.duration").with_unit("ms").build();
            processed.add(2, &[KeyValue::new("event.type", "build-stream")]);
            provider.force_flush().unwrap();
            processed.add(3, &[KeyValue::new("event.type", "build-stream")]);
            duration.record(1.5, &[]);
            duration.record(2.5, &[]);
            provider.shutdown().unwrap();
        });
        tokio::task::spawn_blocking(|| sender.join()).await.unwrap().unwrap();
        let metrics = receiver.metrics();
        let shown: Vec<_> = metrics
            .iter()
            .map(|m| (&*m.service, &*m.name, &*m.unit, m.kind, m.value, m.count))
            .collect();
        assert_eq!(
            shown,
            [
                ("api", "events.processed.total", "{event}", MetricKind::Sum, 5.0, 0),
                ("api", "persistence.duration", "ms", MetricKind::Histogram, 4.0, 2),
            ]
        );
        assert_eq!(metrics[0].attributes["event.type"], "build-stream");
        assert_eq!(receiver.dropped_points(), 0);
    }
}
