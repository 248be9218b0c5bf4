//! Asks this library's layer and its peers' what becomes of a span on a bad day, and prints the page.
//!
//! Exit code: 1 if this library gives a wrong answer.

use std::error::Error;
use std::process::ExitCode;

use scenarios::{Column, Throughline, objections, page};

mod axum_tracing_opentelemetry;
mod opentelemetry_instrumentation_tower;
mod sentry_tower;
mod tower_otel;
mod tracing_spans;

/// The versions that were resolved.
const LOCK: &str = include_str!("../Cargo.lock");

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let us = Column::of(Throughline)?;
    let wrong = objections(&us);
    let columns = [
        Column::of(tower_otel::TowerOtel { traces_body: false })?,
        Column::of(tower_otel::TowerOtel { traces_body: true })?,
        Column::of(opentelemetry_instrumentation_tower::Contrib)?,
        Column::of(axum_tracing_opentelemetry::AxumTracing)?,
        Column::of(sentry_tower::SentryTower)?,
        us,
    ];
    print!("{}", page(&columns));
    for line in &wrong {
        eprintln!("error: {line}");
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Name and version of a column.
fn head(package: &str) -> String {
    format!("{package} {}", conformance::version_in(LOCK, package))
}
