//! What layers with `tracing` spans have in common: tracing-opentelemetry makes OpenTelemetry's of them.

use std::any::Any;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::trace::SdkTracerProvider;
use scenarios::{Bed, Task, trace_id_of};
use tracing::Instrument as _;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Makes spans of this provider out of all `tracing` spans.
pub fn subscriber(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync + use<> {
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tracing"));
    Registry::default().with(layer)
}

pub(crate) fn installed(bed: &Bed) -> Box<dyn Any> {
    Box::new(subscriber(&bed.tracer_provider()).set_default())
}

pub(crate) fn trace_id() -> Option<String> {
    trace_id_of(&Span::current().context())
}

pub(crate) fn inject(headers: &mut http::HeaderMap) {
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Span::current().context(), &mut HeaderInjector(headers));
    });
}

pub(crate) fn carried(task: Task) -> Task {
    Box::pin(task.in_current_span())
}
