//! Starts all four services as processes of their own, so that only the wire can join the trace, and
//! prints the trace that they make.

mod ledger;
mod report;
mod services;

use std::process::ExitCode;

use anyhow::Context as _;
use throughline_testkit::{OtlpReceiver, SpanRecord};
use uuid::Uuid;

use crate::cli::{Bus, DemoOptions, Victim};
use crate::limits::{DEMO_KILL_AFTER, DRAIN};
use crate::serve::stop_on_signal;
use report::{Loss, Report};
use services::{Fleet, RunnerEnd};

/// Runs once, and fails unless every event is in the database once and the trace is one tree. Parents
/// that a killed service took with it are counted, but no failure.
///
/// # Errors
/// If a service does not start.
pub(crate) async fn run(options: DemoOptions) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let receiver = OtlpReceiver::start().await.context("no port for the OTLP receiver")?;
    let database = match &options.database {
        Some(url) => url.clone(),
        None => fresh_database()?,
    };
    eprintln!("pipeline demo: starting persistence, api and broker");
    let mut fleet = Fleet::start(&receiver.endpoint(), &options.bus, &database).await?;
    eprintln!("pipeline demo: the page with todos and tool calls is {}", fleet.page());

    let ended = {
        let runner = fleet.runner(&options.build)?;
        let stop_runner = runner.stopper();
        let running = runner.wait();
        tokio::pin!(running);
        let killing = kill(options.kill, &options.bus, &receiver, &mut fleet);
        tokio::select! {
            ended = &mut running => {
                if let Some(victim) = options.kill {
                    anyhow::bail!(
                        "the build ended before {} was killed: give a command that runs longer",
                        victim.service()
                    );
                }
                ended?
            }
            killed = killing => {
                killed?;
                running.await?
            }
            () = stop.cancelled() => {
                // The command is no child of this process: only the runner can end it.
                stop_runner();
                let _ = tokio::time::timeout(DRAIN, running).await;
                anyhow::bail!("stopped before the build had ended")
            }
        }
    };
    if let Bus::Stream(_) = options.bus {
        // What is acknowledged is in the stream, and on its way to the database.
        ledger::wait_for(ended.summary.events, &database, &ended.summary.command_id).await?;
    }
    if options.stay {
        eprintln!("pipeline demo: press Ctrl-C to see the trace; the page stays until then");
        stop.cancelled().await;
    }
    fleet.stop().await;

    let spans = unique(receiver.spans());
    let ledger = ledger::count(&database, &ended.summary.command_id).await?;
    let loss = Loss { killed: options.kill, dropped: receiver.dropped() };
    let report = Report::new(&spans, &ended.summary, ledger, &loss);
    println!("{}", report.text(options.full, &database));
    Ok(verdict(&ended, &report))
}

fn verdict(ended: &RunnerEnd, report: &Report<'_>) -> ExitCode {
    for problem in report.problems() {
        eprintln!("pipeline demo: {problem}");
    }
    if let Some(code) = ended.summary.exit_code.filter(|code| *code != 0) {
        eprintln!("pipeline demo: the build itself failed with exit code {code}");
    }
    if report.problems().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Kills a service once some events have gone all the way, and starts it again. Without a service to
/// kill, it waits for ever.
async fn kill(
    victim: Option<Victim>,
    bus: &Bus,
    receiver: &OtlpReceiver,
    fleet: &mut Fleet,
) -> anyhow::Result<()> {
    let Some(victim) = victim else { return std::future::pending().await };
    if *bus == Bus::InProcess && victim == Victim::Persistence {
        anyhow::bail!("with --bus inprocess, persistence is in the API's process: --kill api");
    }
    let stored = |spans: &[SpanRecord]| {
        let persisted = |span: &&SpanRecord| span.name.starts_with("persistent-processor");
        spans.iter().filter(persisted).count() >= DEMO_KILL_AFTER
    };
    if receiver.wait_for(stored, services::PATIENCE).await.is_err() {
        anyhow::bail!("nothing was stored, so nothing was killed");
    }
    fleet.kill(victim).await
}

/// Without the copies that a repeated export leaves behind.
fn unique(mut spans: Vec<SpanRecord>) -> Vec<SpanRecord> {
    let mut seen = std::collections::HashSet::new();
    spans.retain(|span| seen.insert((span.trace_id.clone(), span.span_id.clone())));
    spans
}

fn fresh_database() -> anyhow::Result<String> {
    let folder = std::env::temp_dir().join(format!("throughline-pipeline-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder)
        .with_context(|| format!("no folder {} for the database", folder.display()))?;
    Ok(format!("sqlite:{}", folder.join("pipeline.sqlite").display()))
}
