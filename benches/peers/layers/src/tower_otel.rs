//! tower-otel: its layers for spans and for metrics.

use std::any::Any;

use http::HeaderMap;
use opentelemetry::metrics::MeterProvider;
use scenarios::{App, Bare, Bed, Subject, Task, boxed, counted};
use tower::Layer as _;
use tower_otel::{metrics, trace};
use tracing::Level;

use crate::tracing_spans;

/// Its layer for spans.
#[must_use]
pub fn spans() -> trace::HttpLayer {
    trace::HttpLayer::server(Level::INFO)
}

/// Its layer for metrics.
#[must_use]
pub fn metrics(provider: &impl MeterProvider) -> metrics::HttpLayer {
    metrics::HttpLayer::server(&provider.meter("tower-otel"))
}

/// With its metrics.
pub struct TowerOtel {
    /// With the switch that makes the body part of the span.
    pub traces_body: bool,
}

impl Subject for TowerOtel {
    fn name(&self) -> String {
        let name = crate::head("tower-otel");
        if self.traces_body { format!("{name}, `trace_body`") } else { name }
    }

    fn around(&self, app: App, bed: &Bed) -> App {
        let metrics = metrics(&bed.meter_provider());
        if self.traces_body {
            boxed(metrics.layer(spans().trace_body().layer(app)))
        } else {
            boxed(metrics.layer(spans().layer(app)))
        }
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        if self.traces_body {
            counted(spans().trace_body().layer(bare), headers)
        } else {
            counted(spans().layer(bare), headers)
        }
    }

    fn installed(&self, bed: &Bed) -> Box<dyn Any> {
        tracing_spans::installed(bed)
    }

    fn trace_id(&self) -> Option<String> {
        tracing_spans::trace_id()
    }

    fn inject(&self, headers: &mut HeaderMap) {
        tracing_spans::inject(headers);
    }

    fn carried(&self, task: Task) -> Task {
        tracing_spans::carried(task)
    }
}
