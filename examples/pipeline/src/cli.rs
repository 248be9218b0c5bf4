//! The command line: each flag has an environment variable, so that a service can be configured
//! either way.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::Uri;

use crate::event_stream::StreamAddress;
use crate::secret::Secret;

/// One trace from a runner's process over WebSocket, HTTP and a database to a web page.
///
/// Without a command, `demo` runs. Spans and metrics of each service go to
/// OTEL_EXPORTER_OTLP_ENDPOINT (OTLP over HTTP); OTEL_SERVICE_NAME, OTEL_PROPAGATORS
/// (tracecontext, baggage, sentry, b3, b3multi, datadog, xray, none) and OTEL_TRACES_SAMPLER work as everywhere.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or_else(|| Command::Demo(DemoOptions::default()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start all four services, run a command, and print the trace that they make together.
    Demo(DemoOptions),
    /// Execute a build and report every line of it to a broker.
    Runner(RunnerOptions),
    /// Take events from runners and post them to the API.
    Broker(BrokerOptions),
    /// Take events from brokers and hand them to persistence.
    Api(ApiOptions),
    /// Write events to the database and show them on a web page.
    Persistence(PersistenceOptions),
}

#[derive(Args, Debug, Default)]
pub(crate) struct DemoOptions {
    /// Print every span instead of folding repeated sub-trees.
    #[arg(long)]
    pub(crate) full: bool,

    /// How the API hands events to persistence: http, inprocess (persistence lives in the API's
    /// process), or the nats:// address of a server with JetStream.
    #[arg(long, value_name = "BUS", default_value = "http")]
    pub(crate) bus: Bus,

    /// Database to write to; a fresh file by default.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,

    /// Kill this service in mid-run (SIGKILL), start it again, and show what was lost.
    #[arg(long, value_enum, value_name = "SERVICE")]
    pub(crate) kill: Option<Victim>,

    /// Keep the services and the web page until Ctrl-C.
    #[arg(long)]
    pub(crate) stay: bool,

    /// Command to run instead of the default plan, which builds a small crate.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) build: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Victim {
    Broker,
    Api,
    Persistence,
}

impl Victim {
    pub(crate) const fn service(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Api => "api",
            Self::Persistence => "persistence",
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct RunnerOptions {
    /// WebSocket address of the broker, for example ws://127.0.0.1:4000/ws/runner.
    #[arg(long, env, value_name = "URL")]
    pub(crate) broker_url: Uri,

    /// Secret to show to the broker. A broker on the same machine asks for none.
    #[arg(long, env, hide_env_values = true, value_name = "SECRET")]
    pub(crate) shared_secret: Option<Secret>,

    /// Plan to build: steps with their commands. A plan for a small crate is built in.
    #[arg(long, value_name = "FILE", conflicts_with = "build")]
    pub(crate) plan: Option<PathBuf>,

    /// Wait for start-build commands from the broker instead of building at once.
    #[arg(long)]
    pub(crate) on_command: bool,

    /// Command to run instead of a plan.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) build: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(crate) struct BrokerOptions {
    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Base URL of the API; events are posted to /api/runner/events there.
    #[arg(long, env, value_name = "URL")]
    pub(crate) event_target: Uri,

    /// Secret that the services share.
    #[arg(long, env, hide_env_values = true, value_name = "SECRET")]
    pub(crate) shared_secret: Secret,
}

#[derive(Args, Debug)]
pub(crate) struct ApiOptions {
    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Secret that the services share.
    #[arg(long, env, hide_env_values = true, value_name = "SECRET")]
    pub(crate) shared_secret: Secret,

    /// Where persistence is: its http:// address, inprocess, or the nats:// address of a server whose
    /// stream it takes events from.
    #[arg(long, env, hide_env_values = true, value_name = "BUS", default_value = "inprocess")]
    pub(crate) bus: Bus,

    /// Database of persistence, if it lives in this process.
    #[arg(long = "database", env = "DATABASE_URL", value_name = "URL", default_value = DATABASE)]
    pub(crate) database: String,
}

#[derive(Args, Debug)]
pub(crate) struct PersistenceOptions {
    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Secret that the services share.
    #[arg(long, env, hide_env_values = true, value_name = "SECRET")]
    pub(crate) shared_secret: Secret,

    /// How events come in: http means the address of --listen; a nats:// address, also out of the
    /// stream there.
    #[arg(long, env, hide_env_values = true, value_name = "BUS", default_value = "http")]
    pub(crate) bus: Bus,

    /// Database to write to.
    #[arg(long = "database", env = "DATABASE_URL", value_name = "URL", default_value = DATABASE)]
    pub(crate) database: String,
}

/// Where a service listens.
#[derive(Args, Debug)]
pub(crate) struct Listen {
    /// Address to listen on; port 0 picks a free one. The address that was taken is printed as
    /// one line of JSON.
    #[arg(
        long = "listen",
        env = "LISTEN",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:0"
    )]
    pub(crate) address: SocketAddr,
}

/// How events get from the API to persistence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bus {
    /// Persistence lives in the API's process.
    InProcess,
    /// The address of persistence; none for persistence itself.
    Http(Option<Uri>),
    /// A stream between them.
    Stream(StreamAddress),
}

impl Default for Bus {
    fn default() -> Self {
        Self::Http(None)
    }
}

impl std::str::FromStr for Bus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "inprocess" => Ok(Self::InProcess),
            "http" => Ok(Self::Http(None)),
            _ if text.starts_with("nats://") => text.parse().map(Self::Stream),
            _ => match text.parse::<Uri>() {
                Ok(uri) if uri.scheme_str() == Some("http") => Ok(Self::Http(Some(uri))),
                _ => Err(
                    "expected inprocess, the http:// address of persistence, or nats://host:port"
                        .to_owned(),
                ),
            },
        }
    }
}

const DATABASE: &str = "sqlite:pipeline.sqlite";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_command_of_its_own_follows_two_dashes() {
        let cli = Cli::parse_from(["pipeline", "demo", "--full", "--", "cargo", "--version"]);
        let Command::Demo(options) = cli.into_command() else { panic!("demo was asked for") };
        assert!(options.full);
        assert_eq!(options.build, ["cargo", "--version"]);
    }

    #[test]
    fn a_bus_that_is_not_there_is_refused_with_what_is() {
        for text in ["ftp://x", "nats", "https://x", "nats:x"] {
            let refused = text.parse::<Bus>().unwrap_err();
            assert!(refused.contains("inprocess") && refused.contains("nats://"), "{refused}");
        }
        assert_eq!("inprocess".parse::<Bus>(), Ok(Bus::InProcess));
        assert!(matches!("nats://127.0.0.1:4222".parse::<Bus>(), Ok(Bus::Stream(_))));
    }
}
