//! Executes builds and reports every line of them.
//!
//! ```text
//! plan ──> build ──> reporter (a span per event) ──> outbox ──> connection ──> broker
//!                                                      └── acknowledgements ──┘
//! ```
//!
//! An event stays in the outbox until the broker has acknowledged it. When the outbox is full, the
//! command's output is not read until there is room, so nothing is lost and nothing grows.

mod build;
mod connection;
mod lines;
mod outbox;
mod plan;
mod reporter;
mod todos;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use opentelemetry::Context;
use opentelemetry::trace::{SpanBuilder, Status, TraceContextExt, Tracer};
use opentelemetry::{KeyValue, global::BoxedTracer};
use serde_json::json;
use throughline::context::TraceContext;
use throughline::otel::{ContextExt, ContextFuture};
use throughline::propagation::{Environment, Propagator};
use throughline::websocket::Envelope;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cli::RunnerOptions;
use crate::event::EventIds;
use crate::limits::{COMMAND_QUEUE, RUNNER_DRAIN, RUNNER_STOP};
use crate::serve::stop_on_signal;
use crate::telemetry::Telemetry;
use build::Ending;
use connection::Connection;
use outbox::Outbox;
use plan::Plan;
use reporter::Reporter;

/// Builds once and exits as the build did, or waits for commands until it is told to stop.
///
/// # Errors
/// If the plan cannot be read or the broker refuses this runner.
pub(crate) async fn run(options: RunnerOptions) -> anyhow::Result<ExitCode> {
    let plan = Plan::choose(options.plan.as_deref(), &options.build)?;
    let telemetry = Telemetry::start("runner")?;
    let outcome = work(&options, &plan, &telemetry).await;
    telemetry.shutdown().await;
    outcome
}

async fn work(
    options: &RunnerOptions,
    plan: &Plan,
    telemetry: &Telemetry,
) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let envelope = Envelope::json().propagation(telemetry.propagator().clone());
    let outbox = Arc::new(Outbox::new());
    let (commands, mut received) = mpsc::channel(COMMAND_QUEUE);
    let (full, stopped) = (Arc::clone(&outbox), stop.clone());
    tokio::spawn(async move {
        stopped.cancelled().await;
        full.lift_bounds();
    });
    let hang_up = CancellationToken::new();
    let connection = Connection::new(options, envelope.clone(), commands)?;
    let connection = tokio::spawn(connection.keep(Arc::clone(&outbox), hang_up.clone()));
    let mut runner =
        Runner { plan, outbox, envelope, tracer: telemetry.tracer("pipeline.runner"), stop };

    let worked = async {
        if options.on_command {
            runner.wait_for_commands(&mut received, telemetry.propagator()).await
        } else {
            let caller =
                telemetry.propagator().extract(&Environment::from_vars(std::env::vars_os()));
            let ids = plan.ids(Uuid::now_v7().to_string(), None);
            runner.handle_command(ids, caller.context, telemetry.propagator()).await
        }
    };
    tokio::pin!(worked);
    let mut connection = connection;
    let outcome = tokio::select! {
        code = &mut worked => code,
        broken = &mut connection => {
            // The connection ends by itself only if the broker will never take this runner.
            return Err(broken.context("the connection to the broker crashed")?.err()
                .unwrap_or_else(|| anyhow::anyhow!("the connection to the broker ended")));
        }
    };
    hang_up.cancel();
    connection.await.context("the connection to the broker crashed")??;
    Ok(outcome)
}

struct Runner<'a> {
    plan: &'a Plan,
    outbox: Arc<Outbox>,
    envelope: Envelope,
    tracer: BoxedTracer,
    stop: CancellationToken,
}

/// A build that somebody asked for.
#[derive(Debug)]
struct StartBuild {
    command_id: String,
    project_id: Option<String>,
    /// The trace of whoever asked.
    caller: TraceContext,
}

impl Runner<'_> {
    async fn wait_for_commands(
        &mut self,
        commands: &mut mpsc::Receiver<StartBuild>,
        propagator: &Propagator,
    ) -> ExitCode {
        eprintln!("pipeline runner: waiting for start-build commands from the broker");
        loop {
            let command = tokio::select! {
                command = commands.recv() => command,
                () = self.stop.cancelled() => None,
            };
            let Some(StartBuild { command_id, project_id, caller }) = command else {
                return ExitCode::SUCCESS;
            };
            let ids = self.plan.ids(command_id, project_id);
            self.handle_command(ids, caller, propagator).await;
        }
    }

    /// Builds once, in a span that continues the caller's trace, and waits until every event is
    /// acknowledged.
    async fn handle_command(
        &mut self,
        ids: EventIds,
        caller: TraceContext,
        propagator: &Propagator,
    ) -> ExitCode {
        let parent = Context::new().with_trace_context(caller);
        let span = SpanBuilder::from_name("handleCommand.start-build").with_attributes([
            KeyValue::new("sentry.op", "runner.command"),
            KeyValue::new("event.projectId", ids.project_id.clone()),
            KeyValue::new("event.commandId", ids.command_id.clone()),
        ]);
        let cx = parent.with_span(self.tracer.build_with_context(span, &parent));

        let mut environment = Environment::default();
        propagator.inject(&cx.trace_context(), &mut environment);
        let command_id = ids.command_id.clone();
        let before = self.outbox.counts();
        let reporter = Reporter::new(ids, &self.tracer, &self.envelope, &self.outbox);
        let (ending, events) =
            build::run(self.plan, reporter, &environment, &self.stop).in_context(cx.clone()).await;
        let delivered = self.deliver().await;
        let counts = self.outbox.counts().since(before);

        let span = cx.span();
        if let Ending::Failed { exit_code, .. } = &ending {
            span.set_attribute(KeyValue::new("error.type", "build_failed"));
            let code = exit_code.map_or_else(|| "no".to_owned(), |code| code.to_string());
            span.set_status(Status::error(format!("the build ended with {code} exit code")));
        }
        span.end();
        // For programs that started the runner; people read what is on standard error.
        println!(
            "{}",
            json!({
                "commandId": command_id,
                "traceId": span.span_context().trace_id().to_string(),
                "events": events,
                "acknowledged": counts.acknowledged,
                "refused": counts.refused,
                "exitCode": ending.exit_code(),
            })
        );
        if !delivered || counts.refused > 0 {
            return ExitCode::FAILURE;
        }
        ExitCode::from(ending.process_code())
    }

    /// Returns when nothing was acknowledged for a while.
    async fn stands_still(&self) {
        let mut left = self.outbox.len();
        loop {
            tokio::time::sleep(RUNNER_DRAIN).await;
            let now = self.outbox.len();
            if now >= left {
                return;
            }
            left = now;
        }
    }

    /// Waits until the outbox is empty, as long as it gets emptier.
    async fn deliver(&self) -> bool {
        let patience = async {
            tokio::select! {
                () = self.stands_still() => RUNNER_DRAIN,
                () = async {
                    self.stop.cancelled().await;
                    tokio::time::sleep(RUNNER_STOP).await;
                } => RUNNER_STOP,
            }
        };
        tokio::select! {
            () = self.outbox.drained() => true,
            waited = patience => {
                eprintln!(
                    "pipeline runner: {} events were not acknowledged within {waited:?}; is the \
                     broker, the API or persistence away?",
                    self.outbox.len()
                );
                false
            }
        }
    }
}
