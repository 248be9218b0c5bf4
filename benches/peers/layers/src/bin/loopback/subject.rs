//! Who is measured, each as its documentation says.

use axum::Router;
use axum::extract::Request;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use fastrace::collector::Config;
use fastrace_tower::FastraceServerLayer;
use opentelemetry::global;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use peers_layers::{opentelemetry_instrumentation_tower, sentry_tower, tower_otel, tracing_spans};
use sentry_core::HubSwitchGuard;
use throughline::http::ServerLayer;
use tower::layer::layer_fn;
use tower_http::trace::TraceLayer;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::sink::Sink;

/// One server.
pub(crate) struct Subject {
    /// The package and, behind a comma, what is otherwise.
    pub(crate) name: (&'static str, &'static str),
    pub(crate) kind: Kind,
    /// The header that it reads, and what the caller says there.
    pub(crate) caller: (&'static str, &'static str),
    /// Installs what the layer needs in this process, and puts it around the routes.
    pub(crate) around: fn(Router) -> Router,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    Peer,
    /// A peer whose spans are OpenTelemetry's, without metrics.
    OpenTelemetry,
    Ours(Budget),
}

/// What is promised of this library.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    /// 1.5 times the best layer on OpenTelemetry, with a goal of 0.85.
    BestOpenTelemetry,
    /// Hundredths of bare axum.
    Hundredths(u8),
    None,
}

/// The bare server first.
pub(crate) const SUBJECTS: &[Subject] = &[
    subject("axum", "", Kind::Bare, |app| app),
    subject("tower-http", ", `trace`, no subscriber", Kind::Peer, |app| {
        app.layer(TraceLayer::new_for_http())
    }),
    subject("fastrace-tower", "", Kind::Peer, |app| {
        fastrace::set_reporter(Sink, Config::default());
        app.layer(FastraceServerLayer::default())
    }),
    Subject {
        caller: ("sentry-trace", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"),
        ..subject("sentry-tower", "", Kind::Peer, sentry)
    },
    subject("opentelemetry-instrumentation-tower", "", Kind::OpenTelemetry, |app| {
        install_opentelemetry();
        app.layer(opentelemetry_instrumentation_tower::layer(false))
    }),
    subject("opentelemetry-instrumentation-tower", ", with metrics", Kind::Peer, |app| {
        install_opentelemetry();
        global::set_meter_provider(meter_provider());
        app.layer(opentelemetry_instrumentation_tower::layer(true))
    }),
    subject("tower-otel", "", Kind::OpenTelemetry, |app| {
        install_tracing();
        app.layer(tower_otel::spans())
    }),
    subject("axum-tracing-opentelemetry", "", Kind::OpenTelemetry, |app| {
        install_tracing();
        app.layer(OtelAxumLayer::default())
    }),
    subject("throughline", ", sampled", Kind::Ours(Budget::BestOpenTelemetry), spans),
    Subject {
        caller: ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
        ..subject("throughline", ", unsampled", Kind::Ours(Budget::Hundredths(95)), spans)
    },
    subject("throughline", ", propagate only", Kind::Ours(Budget::Hundredths(97)), |app| {
        app.layer(ServerLayer::propagate_only())
    }),
    subject("throughline", ", sampled, with metrics", Kind::Ours(Budget::None), |app| {
        let layer = ServerLayer::new().tracer_provider(tracer_provider());
        app.layer(layer.sdk_meter_provider(&meter_provider()))
    }),
];

const fn subject(
    package: &'static str,
    otherwise: &'static str,
    kind: Kind,
    around: fn(Router) -> Router,
) -> Subject {
    let caller = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    Subject { name: (package, otherwise), kind, caller, around }
}

fn spans(app: Router) -> Router {
    app.layer(ServerLayer::new().tracer_provider(tracer_provider()).metrics(false))
}

fn sentry(app: Router) -> Router {
    // All requests are served on this thread.
    let _: &'static HubSwitchGuard =
        Box::leak(Box::new(HubSwitchGuard::new(sentry_tower::hub(Sink))));
    app.layer(layer_fn(sentry_tower::around::<_, Request>))
}

fn install_opentelemetry() {
    peers_layers::install_propagators();
    global::set_tracer_provider(tracer_provider());
}

fn install_tracing() {
    peers_layers::install_propagators();
    tracing_spans::subscriber(&tracer_provider()).init();
}

/// The SDK's sampler, batches and limits as they are by default.
fn tracer_provider() -> SdkTracerProvider {
    SdkTracerProvider::builder().with_batch_exporter(Sink).build()
}

fn meter_provider() -> SdkMeterProvider {
    SdkMeterProvider::builder().with_reader(PeriodicReader::builder(Sink).build()).build()
}
