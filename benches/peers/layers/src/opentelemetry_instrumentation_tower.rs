//! opentelemetry-instrumentation-tower, of OpenTelemetry's contrib repository.

use http::HeaderMap;
use opentelemetry_instrumentation_tower::http::server::{Layer, LayerBuilder};
use scenarios::{App, Bare, Bed, Subject, boxed, counted};
use tower::Layer as _;

/// On the global providers: it takes no others.
#[must_use]
pub fn layer(metrics: bool) -> Layer {
    // Only a layer with other settings can fail to be built.
    LayerBuilder::builder().with_metrics(metrics).build().unwrap_or_default()
}

/// With its metrics.
pub struct Contrib;

impl Subject for Contrib {
    fn name(&self) -> String {
        crate::head("opentelemetry-instrumentation-tower")
    }

    fn around(&self, app: App, _: &Bed) -> App {
        boxed(layer(true).layer(app))
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        counted(layer(false).layer(bare), headers)
    }
}
