//! opentelemetry-instrumentation-tower, of OpenTelemetry's contrib repository.

use http::HeaderMap;
use opentelemetry_instrumentation_tower::http::server::{Layer, LayerBuilder};
use scenarios::{App, Bare, Bed, Subject, boxed, counted};
use tower::Layer as _;

pub(crate) struct Contrib;

impl Subject for Contrib {
    fn name(&self) -> String {
        crate::head("opentelemetry-instrumentation-tower")
    }

    /// On the global providers: it takes no others.
    fn around(&self, app: App, _: &Bed) -> App {
        boxed(Layer::new().layer(app))
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        match LayerBuilder::builder().with_metrics(false).build() {
            Ok(layer) => counted(layer.layer(bare), headers),
            // Only a layer with other settings can fail to be built; it would cost more, not less.
            Err(_) => counted(Layer::new().layer(bare), headers),
        }
    }
}
