//! Where a service's spans and metrics go, and how it passes context on: the standard `OTEL_*`
//! variables.

use std::env;

use anyhow::{Context as _, bail};
use axum::extract::MatchedPath;
use http::Uri;
use opentelemetry::global;
use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, ShouldSample};
use throughline::http::ServerLayer;
use throughline::nats::Nats;
use throughline::otel::ParentBased;
use throughline::propagation::{Propagator, SentryConfig};

use crate::event_stream::EventStream;
use crate::limits::TELEMETRY_FLUSH;

/// The providers of one service.
#[derive(Debug)]
pub(crate) struct Telemetry {
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
    propagator: Propagator,
}

impl Telemetry {
    /// Sets up a process that is one service: what `OTEL_SERVICE_NAME` calls it, else `service`.
    ///
    /// # Errors
    /// If a variable names what does not exist.
    pub(crate) fn start(service: &'static str) -> anyhow::Result<Self> {
        let name = env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| service.to_owned());
        let telemetry = Self::for_service(name)?;
        global::set_tracer_provider(telemetry.tracers.clone());
        global::set_meter_provider(telemetry.meters.clone());
        if endpoint().is_none() {
            eprintln!(
                "pipeline {service}: OTEL_EXPORTER_OTLP_ENDPOINT is not set; context is passed on, \
                 but spans and metrics are exported nowhere"
            );
        }
        Ok(telemetry)
    }

    /// Sets up one of several services in a process, without touching the process-wide providers.
    ///
    /// # Errors
    /// If a variable names what does not exist.
    pub(crate) fn for_service(name: impl Into<String>) -> anyhow::Result<Self> {
        let (sampler, rate) = sampler()?;
        let resource = Resource::builder().with_service_name(name.into()).build();
        let mut tracers =
            SdkTracerProvider::builder().with_resource(resource.clone()).with_sampler(sampler);
        let mut meters = SdkMeterProvider::builder().with_resource(resource);
        if endpoint().is_some() {
            let spans = SpanExporter::builder().with_http().build();
            let metrics = MetricExporter::builder().with_http().build();
            let hint = "OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// address that takes OTLP";
            tracers = tracers.with_batch_exporter(spans.context(hint)?);
            meters = meters.with_periodic_exporter(metrics.context(hint)?);
        }
        let sentry = SentryConfig::new()
            .release(concat!("pipeline@", env!("CARGO_PKG_VERSION")))
            .environment(
                env::var("SENTRY_ENVIRONMENT").unwrap_or_else(|_| "development".to_owned()),
            )
            .sample_rate(rate);
        Ok(Self {
            tracers: tracers.build(),
            meters: meters.build(),
            // The services trust each other, so the application's baggage travels too.
            propagator: propagator()?.sentry(sentry).forward_baggage(true),
        })
    }

    pub(crate) fn propagator(&self) -> &Propagator {
        &self.propagator
    }

    /// The layer of every HTTP service here: spans are named after axum's routes.
    pub(crate) fn server_layer(&self) -> ServerLayer {
        ServerLayer::new()
            .propagation(self.propagator.clone())
            .tracer_provider(self.tracers.clone())
            .meter_provider(self.meters.clone())
            .route(|request| request.extensions().get().map(MatchedPath::as_str))
    }

    /// How messages of the stream are traced.
    pub(crate) fn nats(&self, stream: &EventStream) -> Nats {
        Nats::new()
            .propagation(self.propagator.clone())
            .tracer_provider(self.tracers.clone())
            .meter_provider(self.meters.clone())
            .subject_template(stream.subject_template())
    }

    pub(crate) fn tracers(&self) -> &SdkTracerProvider {
        &self.tracers
    }

    pub(crate) fn tracer(&self, scope: &'static str) -> BoxedTracer {
        use opentelemetry::trace::TracerProvider;
        BoxedTracer::new(Box::new(self.tracers.tracer(scope)))
    }

    pub(crate) fn meter(&self, scope: &'static str) -> Meter {
        self.meters.meter(scope)
    }

    /// Exports what is left, for at most [`TELEMETRY_FLUSH`].
    pub(crate) async fn shutdown(self) {
        // The exporter blocks, and its answer may need this runtime.
        let done = tokio::task::spawn_blocking(move || {
            let tracers = self.tracers.shutdown_with_timeout(TELEMETRY_FLUSH);
            let meters = self.meters.shutdown_with_timeout(TELEMETRY_FLUSH);
            tracers.and(meters)
        });
        match tokio::time::timeout(2 * TELEMETRY_FLUSH, done).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => eprintln!("pipeline: the last spans were not exported: {error}"),
            Ok(Err(_)) | Err(_) => eprintln!("pipeline: the last spans were not exported in time"),
        }
    }
}

/// Where to export to, if anywhere.
fn endpoint() -> Option<String> {
    variable("OTEL_EXPORTER_OTLP_ENDPOINT")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
}

/// Where the exporter posts spans to, if anywhere.
pub(crate) fn traces_endpoint() -> Option<Uri> {
    let of_all = || {
        let base = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/traces", base.trim_end_matches('/')))
    };
    variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(of_all)?.parse().ok()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn propagator() -> anyhow::Result<Propagator> {
    match env::var("OTEL_PROPAGATORS") {
        Ok(names) if !names.is_empty() => {
            Propagator::from_names(&names).context("OTEL_PROPAGATORS cannot be used")
        }
        _ => Ok(Propagator::default()),
    }
}

/// The sampler of `OTEL_TRACES_SAMPLER`, and the rate at which it keeps new traces.
fn sampler() -> anyhow::Result<(Box<dyn ShouldSample>, f64)> {
    let name = env::var("OTEL_TRACES_SAMPLER").unwrap_or_default();
    let rate = || -> anyhow::Result<f64> {
        let argument = env::var("OTEL_TRACES_SAMPLER_ARG").unwrap_or_else(|_| "1".to_owned());
        let rate = argument.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
        rate.context("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1")
    };
    let ratio = Sampler::TraceIdRatioBased;
    Ok(match name.as_str() {
        "" | "parentbased_always_on" => (ParentBased::new(Sampler::AlwaysOn).into(), 1.0),
        "parentbased_always_off" => (ParentBased::new(Sampler::AlwaysOff).into(), 0.0),
        "parentbased_traceidratio" => (ParentBased::new(ratio(rate()?)).into(), rate()?),
        "always_on" => (Sampler::AlwaysOn.into(), 1.0),
        "always_off" => (Sampler::AlwaysOff.into(), 0.0),
        "traceidratio" => (ratio(rate()?).into(), rate()?),
        _ => bail!(
            "OTEL_TRACES_SAMPLER must be always_on, always_off, traceidratio, or one of these with \
             parentbased_ before it"
        ),
    })
}
