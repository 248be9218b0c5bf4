//! What every service does around its routes: listen, say that it is ready, stop in time.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::serve::ListenerExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::limits::DRAIN;

/// A service that is asked to stop by SIGTERM or Ctrl-C.
///
/// # Errors
/// If the signals cannot be watched.
pub(crate) fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for Ctrl-C")?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}

/// Takes the address, prints one line of JSON that names it, and serves until `stop`; then requests
/// that are under way have [`DRAIN`] to end.
///
/// # Errors
/// If the address cannot be taken, or serving fails.
pub(crate) async fn serve(
    service: &str,
    address: SocketAddr,
    routes: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{service} cannot listen on {address}: choose another --listen")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("{}", json!({ "ready": true, "service": service, "url": url }));

    // An acknowledgement is a small packet after a small packet: held back until the runner's system
    // confirms the one before, it would come up to 40 ms late. Without the option it is late, not lost.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));

    let draining = stop.clone();
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, routes)
        .with_graceful_shutdown(async move { draining.cancelled().await });
    tokio::select! {
        served = serving => served.with_context(|| format!("{service} stopped serving")),
        () = late(&stop) => {
            eprintln!("pipeline {service}: requests were cut off {DRAIN:?} after the signal to stop");
            Ok(())
        }
    }
}

async fn late(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}
