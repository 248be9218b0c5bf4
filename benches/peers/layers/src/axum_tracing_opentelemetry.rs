//! axum-tracing-opentelemetry, which measures nothing.

use std::any::Any;

use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use http::HeaderMap;
use scenarios::{App, Bare, Bed, Subject, Task, boxed, counted};
use tower::Layer as _;

use crate::tracing_spans;

/// With `tracing` spans by tracing-opentelemetry.
pub struct AxumTracing;

impl Subject for AxumTracing {
    fn name(&self) -> String {
        crate::head("axum-tracing-opentelemetry")
    }

    fn around(&self, app: App, _: &Bed) -> App {
        boxed(OtelAxumLayer::default().layer(app))
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        counted(OtelAxumLayer::default().layer(bare), headers)
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
