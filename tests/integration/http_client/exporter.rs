//! The exporter of OpenTelemetry, sending through the layer.

use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use throughline_testkit::OtlpReceiver;
use tower::Layer;

use super::*;

/// Guarded twice, by the layer and by the SDK's tracer. The layer's part alone is a unit test:
/// `where_telemetry_is_suppressed_a_request_is_left_alone`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exporters_own_calls_make_no_spans() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let layers_own = CheckedSpans::new();
    let (layer, endpoint) = (client_layer(&layers_own), receiver.endpoint());
    // The blocking client must not be made or dropped on a thread of the runtime.
    let sender = std::thread::spawn(move || {
        let client = || layer.layer(reqwest::blocking::Client::new());
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client())
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()
            .unwrap();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        provider.tracer("test").in_span("work", |_| ());
        provider.shutdown().unwrap();
        // The same client has a span where nobody suppresses it.
        let request = ::http::Request::get(endpoint).body(Bytes::new()).unwrap();
        futures_util::FutureExt::now_or_never(client().send_bytes(request)).unwrap().unwrap();
    });
    let exported = receiver.wait_for(|spans| !spans.is_empty(), PATIENCE).await.unwrap();
    tokio::task::spawn_blocking(|| sender.join()).await.unwrap().unwrap();
    assert_eq!(exported[0].name, "work");
    let made: Vec<_> = layers_own.finished().into_iter().map(|span| span.name).collect();
    assert_eq!(made, ["GET"], "only the call that is not the exporter's");
}
