//! tower-otel: its layers for spans and for metrics.

use std::any::Any;

use http::HeaderMap;
use opentelemetry::metrics::MeterProvider as _;
use scenarios::{App, Bare, Bed, Subject, Task, boxed, counted};
use tower::Layer as _;
use tower_otel::{metrics, trace};
use tracing::Level;

use crate::tracing_spans;

pub(crate) struct TowerOtel {
    /// With the switch that makes the body part of the span.
    pub(crate) traces_body: bool,
}

impl Subject for TowerOtel {
    fn name(&self) -> String {
        let name = crate::head("tower-otel");
        if self.traces_body { format!("{name}, `trace_body`") } else { name }
    }

    fn around(&self, app: App, bed: &Bed) -> App {
        let metrics = metrics::HttpLayer::server(&bed.meter_provider().meter("tower-otel"));
        let spans = trace::HttpLayer::server(Level::INFO);
        if self.traces_body {
            boxed(metrics.layer(spans.trace_body().layer(app)))
        } else {
            boxed(metrics.layer(spans.layer(app)))
        }
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        let spans = trace::HttpLayer::server(Level::INFO);
        if self.traces_body {
            counted(spans.trace_body().layer(bare), headers)
        } else {
            counted(spans.layer(bare), headers)
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
