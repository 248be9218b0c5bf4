//! One trace from a runner's process to the database: four services, one command.
//!
//! A runner executes a build and reports every line of it, a broker takes the reports over a
//! WebSocket and posts them to an API, the API hands them to persistence, and persistence writes them
//! to a database and shows them on a web page. `pipeline demo` starts all four as processes of their
//! own, receives their spans and prints the one trace that they make.

mod api;
mod backoff;
mod broker;
mod cli;
mod demo;
mod event;
mod event_stream;
mod limits;
mod persistence;
mod post;
mod protocol;
mod refusal;
mod runner;
mod secret;
mod serve;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match cli::Cli::parse().into_command() {
        cli::Command::Demo(options) => demo::run(options).await,
        cli::Command::Runner(options) => runner::run(options).await,
        cli::Command::Broker(options) => broker::run(options).await,
        cli::Command::Api(options) => api::run(options).await,
        cli::Command::Persistence(options) => persistence::run(options).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("pipeline: {error:#}");
        ExitCode::FAILURE
    })
}
