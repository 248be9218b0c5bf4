//! Takes events from runners over WebSockets and posts them to the API.
//!
//! Each event is forwarded in a span below the runner's, and that span is the next hop's parent, in
//! the headers and in the payload. An event is acknowledged when the API has answered that it is
//! committed; until then it is posted again and again.

mod commands;
mod forward;
mod session;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use opentelemetry::KeyValue;
use opentelemetry::global::BoxedTracer;
use opentelemetry::metrics::Counter;
use serde::Deserialize;
use throughline::websocket::{Envelope, Relay};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::BrokerOptions;
use crate::limits::{DRAIN, MAX_RUNNER_MESSAGE_BYTES};
use crate::post::Post;
use crate::protocol::ACKNOWLEDGED;
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::serve::{serve, stop_on_signal};
use crate::telemetry::Telemetry;
use commands::Waiting;

/// Serves until it is told to stop.
///
/// # Errors
/// If the API's address is none, or the own address is taken.
pub(crate) async fn run(options: BrokerOptions) -> anyhow::Result<ExitCode> {
    let telemetry = Telemetry::start("broker")?;
    let target =
        Post::new(&options.event_target, "/api/runner/events", &options.shared_secret, &telemetry)?;
    let stop = stop_on_signal()?;
    let meter = telemetry.meter(SCOPE);
    let broker = Arc::new(Broker {
        secret: options.shared_secret,
        target,
        relay: Relay::new(Envelope::json().propagation(telemetry.propagator().clone())),
        tracer: telemetry.tracer(SCOPE),
        forwarded: meter
            .u64_counter("events.forwarded.total")
            .with_description("Events that the API has answered, by outcome")
            .build(),
        refused: meter
            .u64_counter("events.refused.total")
            .with_description("Messages of runners that were not taken, by reason")
            .build(),
        waiting: Waiting::default(),
        stop: stop.clone(),
        sessions: TaskTracker::new(),
    });
    let routes = Router::new()
        .route("/api/commands", post(commands::start_build))
        .route_layer(telemetry.server_layer())
        .route("/ws/runner", get(connect))
        .with_state(Arc::clone(&broker));
    serve("broker", options.listen.address, routes, stop).await?;
    broker.sessions.close();
    if tokio::time::timeout(DRAIN, broker.sessions.wait()).await.is_err() {
        eprintln!("pipeline broker: runners were cut off; they keep what is not acknowledged");
    }
    telemetry.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

struct Broker {
    secret: Secret,
    target: Post,
    relay: Relay,
    tracer: BoxedTracer,
    forwarded: Counter<u64>,
    refused: Counter<u64>,
    waiting: Waiting,
    stop: CancellationToken,
    sessions: TaskTracker,
}

impl Broker {
    fn count_refused(&self, reason: &str) {
        self.refused.add(1, &[KeyValue::new("reason", reason.to_owned())]);
    }

    /// A runner that shows a secret must show the right one. One that shows none, as runners of other
    /// makes do, is let in from this machine only.
    fn lets_in(&self, headers: &HeaderMap, peer: SocketAddr) -> bool {
        match headers.contains_key(AUTHORIZATION) {
            true => self.secret.authorizes(headers),
            false => peer.ip().is_loopback(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Wishes {
    /// Whether the runner takes start-build commands.
    #[serde(default)]
    commands: bool,
}

async fn connect(
    State(broker): State<Arc<Broker>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(wishes): Query<Wishes>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !broker.lets_in(&headers, peer) {
        broker.count_refused("unauthorized");
        eprintln!(
            "pipeline broker: a runner at {peer} was refused: its secret is missing or wrong"
        );
        return Refusal::unauthorized().into_response();
    }
    upgrade
        .max_message_size(MAX_RUNNER_MESSAGE_BYTES)
        .max_frame_size(MAX_RUNNER_MESSAGE_BYTES)
        .protocols([ACKNOWLEDGED])
        .on_upgrade(move |socket| {
            let task = Arc::clone(&broker);
            broker.sessions.track_future(session::run(task, socket, wishes.commands))
        })
}

const SCOPE: &str = "pipeline.broker";
