//! A RabbitMQ of one's own: the real server, from Debian's package, with everything in a temporary
//! folder. It meets no other server of the machine and ends with the process that started it.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running RabbitMQ. Dropping it ends the server and removes its folder.
#[derive(Debug)]
pub struct RabbitMq {
    server: Child,
    address: Ipv4Addr,
    _folder: TempDir,
}

impl RabbitMq {
    /// Starts a server and waits until it takes connections: some seconds.
    ///
    /// # Errors
    /// If RabbitMQ is not installed, or does not start within two minutes.
    pub fn start() -> io::Result<Self> {
        Self::start_from(Path::new(SERVER))
    }

    fn start_from(script: &Path) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let address = own_address();
        let config = format!("listeners.tcp.1 = {address}:{PORT}\nlog.console = true\n");
        fs::write(folder.path().join("rabbitmq.conf"), config)?;
        let server = command(script, folder.path(), address).spawn().map_err(explained)?;
        // From here on, an early return ends the server too.
        let mut own = Self { server, address, _folder: folder };
        let output = own.server.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        wait_until_started(&lines(output))?;
        Ok(own)
    }

    /// Where it listens, for lapin's `Connection::connect`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}:{PORT}", self.address)
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // Nothing can be done about a server that has ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn explained(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::NotFound => io::Error::new(ErrorKind::NotFound, MISSING),
        _ => error,
    }
}

/// A server that looks for nothing outside of its folder, whatever this process's environment says.
fn command(script: &Path, folder: &Path, address: Ipv4Addr) -> Command {
    let [a, b, c, d] = address.octets();
    // Without these, the first Erlang program of a machine starts a daemon that outlives it.
    let erlang = format!(
        "-sname {NODE} -start_epmd false -erl_epmd_port {NODE_PORT} \
         -kernel inet_dist_use_interface {{{a},{b},{c},{d}}}"
    );
    let mut command = Command::new(script);
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("LANG", "C.UTF-8")
        .env("HOME", folder)
        .env("RABBITMQ_NODENAME", NODE)
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang)
        // It ends when its input does, which is when this process ends, however that happens.
        .env("RABBITMQ_ALLOW_INPUT", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    for (variable, name) in FOLDERS {
        command.env(variable, folder.join(name));
    }
    command
}

/// An address of the loopback network that no other process takes. RabbitMQ does not tell which port
/// it was given, so its port is fixed and the address is not.
fn own_address() -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f80_0000 | (process::id() & 0x007f_ffff))
}

/// The lines of the server's output, which is read to its end: a full pipe would stop the server.
fn lines(output: impl io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
        }
    });
    lines
}

fn wait_until_started(lines: &Receiver<String>) -> io::Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    let mut said = String::new();
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if line.contains(STARTED) {
            return Ok(());
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(io::Error::other(format!("RabbitMQ did not start; it said:\n{said}")))
}

/// The package's own script and not the one in `PATH`, which changes to the user `rabbitmq` and writes
/// to `/var/log`.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

const MISSING: &str =
    "RabbitMQ is not installed: `apt-get install --no-install-recommends rabbitmq-server`";

const NODE: &str = "queues@localhost";

/// Not 5672: the server that Debian starts from the package listens there on every address.
const PORT: u16 = 5679;

/// For other nodes of a cluster, of which there are none. RabbitMQ insists on having one.
const NODE_PORT: u16 = 25679;

/// Ends RabbitMQ's start.
const STARTED: &str = "Server startup complete";

/// Five seconds is what it takes; a machine under load gets this long.
const START_LIMIT: Duration = Duration::from_secs(120);

/// What would otherwise be read from or written to the folders of the machine.
const FOLDERS: [(&str, &str); 7] = [
    ("RABBITMQ_CONF_ENV_FILE", "rabbitmq-env.conf"),
    ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
    ("RABBITMQ_CONFIG_FILES", "conf.d"),
    ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
    ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
    ("RABBITMQ_LOG_BASE", "log"),
    ("RABBITMQ_MNESIA_BASE", "data"),
];

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_server_ends_with_the_process_that_started_it_and_leaves_nothing() {
        let mut rabbitmq = RabbitMq::start().unwrap_or_else(|error| panic!("{error}"));
        let address = (rabbitmq.address, PORT);
        TcpStream::connect(address).unwrap();

        // What the end of this process does, even if nothing is dropped.
        drop(rabbitmq.server.stdin.take());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            let _ = rabbitmq.server.wait();
            let _ = done.send(rabbitmq);
        });
        let rabbitmq = ended.recv_timeout(START_LIMIT).unwrap();
        TcpStream::connect(address).unwrap_err();

        let folder = rabbitmq._folder.path().to_owned();
        assert!(folder.join("data").exists());
        drop(rabbitmq);
        assert!(!folder.exists());
    }

    #[test]
    fn where_it_is_missing_the_error_says_what_to_install() {
        let error = RabbitMq::start_from(Path::new("/no/such/script")).unwrap_err();
        assert!(error.to_string().contains("apt-get install"), "{error}");
    }

    #[test]
    fn a_server_that_does_not_start_is_an_error_with_what_it_said() {
        let (sender, lines) = mpsc::channel();
        sender.send("no such option".to_owned()).unwrap();
        drop(sender);
        let error = wait_until_started(&lines).unwrap_err();
        assert!(error.to_string().contains("no such option"), "{error}");
    }
}
