//! Asks this library's layer and its peers' what becomes of a span on a bad day, and prints the page.
//!
//! Exit code: 1 if this library gives a wrong answer.

use std::error::Error;
use std::process::ExitCode;

use peers_layers::axum_tracing_opentelemetry::AxumTracing;
use peers_layers::opentelemetry_instrumentation_tower::Contrib;
use peers_layers::sentry_tower::SentryTower;
use peers_layers::tower_otel::TowerOtel;
use scenarios::{Column, Throughline, objections, page};

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let us = Column::of(Throughline)?;
    let wrong = objections(&us);
    let columns = [
        Column::of(TowerOtel { traces_body: false })?,
        Column::of(TowerOtel { traces_body: true })?,
        Column::of(Contrib)?,
        Column::of(AxumTracing)?,
        Column::of(SentryTower)?,
        us,
    ];
    print!("{}", page(&columns));
    for line in &wrong {
        eprintln!("error: {line}");
    }
    Ok(if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
