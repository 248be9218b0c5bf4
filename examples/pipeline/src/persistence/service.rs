//! Persistence as a process of its own.

use std::process::ExitCode;
use std::sync::Arc;

use throughline::websocket::Envelope;
use tokio_util::sync::CancellationToken;

use super::collector::Collector;
use super::instruments::Instruments;
use super::intake::Intake;
use super::{OpenError, Persistence};
use crate::cli::{Bus, PersistenceOptions};
use crate::limits::DRAIN;
use crate::serve::{serve, stop_on_signal};
use crate::telemetry::{Telemetry, traces_endpoint};

/// Serves until it is told to stop.
///
/// # Errors
/// If the database cannot be opened, the stream cannot be had, or the address is taken.
pub(crate) async fn run(options: PersistenceOptions) -> anyhow::Result<ExitCode> {
    if options.bus == Bus::InProcess {
        anyhow::bail!(
            "--bus inprocess means that persistence lives in the API: start `pipeline api`"
        );
    }
    let telemetry = Telemetry::start("persistence")?;
    let stop = stop_on_signal()?;
    let persistence = open(&options.database, &telemetry, &stop).await?;
    let intake = match &options.bus {
        Bus::Stream(address) => {
            let intake = Intake::connect(address, &persistence, &telemetry).await?;
            Some(tokio::spawn(intake.run(stop.clone())))
        }
        Bus::Http(_) | Bus::InProcess => None,
    };
    let routes = Arc::clone(&persistence).router(options.shared_secret, telemetry.server_layer());
    serve("persistence", options.listen.address, routes, stop).await?;
    if let Some(intake) = intake {
        // An event that takes longer is rolled back, and comes again.
        let _ = tokio::time::timeout(DRAIN, intake).await;
    }
    persistence.close().await;
    telemetry.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// Opens the database of a service that records with these providers. With `stop`, its web pages are
/// told goodbye: their sockets would keep the service from stopping.
///
/// # Errors
/// If the database cannot be opened.
pub(crate) async fn open(
    database: &str,
    telemetry: &Telemetry,
    stop: &CancellationToken,
) -> Result<Arc<Persistence>, OpenError> {
    let envelope = Envelope::json().propagation(telemetry.propagator().clone());
    let instruments = Instruments::new(telemetry.tracer(SCOPE), &telemetry.meter(SCOPE))
        .with_envelope(envelope)
        .with_collector(traces_endpoint().map(Collector::new));
    let persistence = Arc::new(Persistence::open(database, instruments).await?);
    let (pages, stopped) = (Arc::clone(&persistence), stop.clone());
    tokio::spawn(async move {
        stopped.cancelled().await;
        pages.hub.close();
    });
    Ok(persistence)
}

const SCOPE: &str = "pipeline.persistence";
