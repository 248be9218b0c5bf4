//! Puts the cases of the vectors to this library and to its peers, and prints the verdicts as JSON.

use conformance::{Peer, Throughline, VECTORS, cases, judge};

mod fastrace;
mod opentelemetry;
mod sentry;
mod text_map;

/// The versions that were resolved.
const LOCK: &str = include_str!("../Cargo.lock");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cases = cases(VECTORS)?;
    let peers: [&dyn Peer; 4] = [
        &Throughline,
        &opentelemetry::OpenTelemetry::default(),
        &fastrace::Fastrace,
        &sentry::Sentry,
    ];
    let verdicts: Vec<_> = peers.into_iter().flat_map(|peer| judge(peer, &cases)).collect();
    println!("{}", serde_json::to_string(&verdicts)?);
    Ok(())
}
