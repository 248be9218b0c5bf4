//! Rounds in which everybody is measured, one behind the other.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use tokio::runtime;

#[expect(dead_code, reason = "the wire formats are measured with more of it")]
#[path = "../../../../../wire/input.rs"]
mod input;

use crate::BoxError;
use crate::load::Load;
use crate::server::{CLIENT_CORE, Server, pin};
use crate::subject::{SUBJECTS, Subject};

/// What was measured of one server in one round.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Nanoseconds per request.
    pub(crate) cpu: f64,
    /// Of one core.
    pub(crate) busy: f64,
    /// Spans per request.
    pub(crate) exported: f64,
}

/// By round and subject.
pub(crate) fn rounds() -> Result<Vec<Vec<Slice>>, BoxError> {
    pin(CLIENT_CORE)?;
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(measured())
}

async fn measured() -> Result<Vec<Vec<Slice>>, BoxError> {
    let mut servers = Vec::new();
    for (number, subject) in SUBJECTS.iter().enumerate() {
        let server = Server::start(number)?;
        let load = Load::open(server.port, &headers(subject)).await?;
        servers.push((server, load));
    }
    for (_, load) in &mut servers {
        load.run(WARM_UP).await?;
    }
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        eprintln!("round {} of {ROUNDS}", round + 1);
        let mut slices = vec![None; SUBJECTS.len()];
        for turn in 0..SUBJECTS.len() {
            // Nobody is always behind the same neighbor's exporter.
            let number = if round % 2 == 0 { turn } else { SUBJECTS.len() - 1 - turn };
            let number = (number + round) % SUBJECTS.len();
            let (server, load) = &mut servers[number];
            slices[number] = Some(slice(server, load).await?);
        }
        rounds.push(slices.into_iter().flatten().collect());
    }
    Ok(rounds)
}

async fn slice(server: &mut Server, load: &mut Load) -> Result<Slice, BoxError> {
    load.run(LEAD).await?;
    let (before, start) = (server.usage()?, Instant::now());
    let requests = load.run(SLICE).await? as f64;
    let (after, time) = (server.usage()?, start.elapsed().as_secs_f64());
    let cpu = (after.cpu - before.cpu) as f64;
    Ok(Slice {
        rate: requests / time,
        cpu: cpu / requests,
        busy: cpu / 1e9 / time,
        exported: (after.exported - before.exported) as f64 / requests,
    })
}

/// Eleven headers, with the caller in the one that the layer reads. The baggage is nobody's:
/// Sentry's comes with `sentry-trace` only.
fn headers(subject: &Subject) -> HeaderMap {
    let mut headers = input::request_with_other_baggage();
    if subject.caller.0 != "traceparent" {
        headers.remove("traceparent");
    }
    let (name, value) = subject.caller;
    headers.insert(name, HeaderValue::from_static(value));
    headers
}

pub(crate) const ROUNDS: usize = 24;
/// Some seconds for a round: short beside whatever else runs on a shared machine.
const SLICE: Duration = Duration::from_millis(480);
/// Not counted: caches and the clock of the core find their place.
const LEAD: Duration = Duration::from_millis(40);
const WARM_UP: Duration = Duration::from_millis(300);
