//! Takes events from brokers and hands them to persistence.

mod bus;
mod publisher;

use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::Counter;
use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use serde_json::json;
use throughline::otel::{ContextExt, ContextFuture};
use throughline::websocket::{Envelope, Relay};

use crate::cli::ApiOptions;
use crate::event::{EventRefused, RunnerEvent};
use crate::limits::MAX_EVENT_BYTES;
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::serve::{serve, stop_on_signal};
use crate::telemetry::Telemetry;
use bus::EventBus;

/// Serves until it is told to stop.
///
/// # Errors
/// If the database or the own address cannot be had.
pub(crate) async fn run(options: ApiOptions) -> anyhow::Result<ExitCode> {
    let telemetry = Telemetry::start("api")?;
    let stop = stop_on_signal()?;
    let bus = EventBus::connect(&options, &telemetry, &stop).await?;
    let meter = telemetry.meter(SCOPE);
    let pages = bus.pages();
    let api = Arc::new(Api {
        secret: options.shared_secret,
        bus,
        relay: Relay::new(Envelope::json().propagation(telemetry.propagator().clone())),
        tracer: telemetry.tracer(SCOPE),
        refused: meter
            .u64_counter("events.refused.total")
            .with_description("Requests with an event that was not taken, by reason")
            .build(),
    });
    let routes = Router::new()
        .route("/api/runner/events", post(take_event))
        // A little more than an event may have, so that one that is too long is refused by name.
        .layer(DefaultBodyLimit::max(2 * MAX_EVENT_BYTES))
        .route_layer(telemetry.server_layer())
        .with_state(Arc::clone(&api))
        .merge(pages);
    serve("api", options.listen.address, routes, stop).await?;
    if let Some(api) = Arc::into_inner(api) {
        api.bus.close().await;
    }
    telemetry.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

struct Api {
    secret: Secret,
    bus: EventBus,
    relay: Relay,
    tracer: BoxedTracer,
    refused: Counter<u64>,
}

/// `POST /api/runner/events`: answers 200 when the bus has the event for good; 401, 413 and 422 for what
/// sending again cannot cure; 503 for what it can.
async fn take_event(State(api): State<Arc<Api>>, request: Request) -> Response {
    match api.take(request).await {
        Ok(()) => Json(json!({ "ok": true })).into_response(),
        Err(refusal) => {
            eprintln!("pipeline api: an event was refused ({}): {}", refusal.name, refusal.reason);
            api.refused.add(1, &[KeyValue::new("reason", refusal.name.clone())]);
            refusal.into_response()
        }
    }
}

impl Api {
    async fn take(&self, request: Request) -> Result<(), Refusal> {
        // Before the body is read: a stranger must not make the service hold a megabyte.
        if !self.secret.authorizes(request.headers()) {
            return Err(Refusal::unauthorized());
        }
        let body = Bytes::from_request(request, &()).await?;
        let text = std::str::from_utf8(&body).map_err(|_| EventRefused::NotJson)?;
        let event = RunnerEvent::parse(text)?;
        if !event.kind().is_traced() {
            return Ok(());
        }
        self.publish(&event, text).await
    }

    async fn publish(&self, event: &RunnerEvent, text: &str) -> Result<(), Refusal> {
        let kind = event.kind().as_str();
        let span = SpanBuilder::from_name(format!("api.runner.events.{kind}")).with_attributes([
            KeyValue::new("sentry.op", "api.runner.event.process"),
            KeyValue::new("event.type", kind),
            KeyValue::new("event.projectId", event.ids.project_id.clone()),
            KeyValue::new("event.commandId", event.ids.command_id.clone()),
        ]);
        let parent = Context::current();
        let cx = parent.with_span(self.tracer.build_with_context(span, &parent));
        let text = self.relay.forward_text(text, &cx.trace_context());
        let outcome = self.bus.publish(event, &text).in_context(cx.clone()).await;
        let span = cx.span();
        if let Err(refusal) = &outcome {
            span.set_attribute(KeyValue::new("error.type", refusal.name.clone()));
            span.set_status(Status::error(refusal.reason.clone()));
        }
        span.end();
        outcome
    }
}

const SCOPE: &str = "pipeline.api";
