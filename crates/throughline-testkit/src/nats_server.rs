use std::env;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::limits::SERVER_START_TIME;

/// A NATS server of one's own with JetStream: the real one, on a free port of the loopback, with its
/// files in a temporary folder.
///
/// Dropping it ends the server and removes the folder. It also ends with this process, however that
/// ends. [`stop`](Self::stop) and [`restart`](Self::restart) are an outage that loses nothing.
///
/// ```
/// use throughline_testkit::NatsServer;
///
/// let server = NatsServer::start()?;
/// assert!(server.url().starts_with("nats://127.0.0.1:"));
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NatsServer {
    server: Child,
    url: String,
    folder: TempDir,
}

impl NatsServer {
    /// Starts a server and waits until it takes connections.
    ///
    /// # Errors
    /// If `nats-server` is not installed, or does not start within [`SERVER_START_TIME`].
    pub fn start() -> io::Result<Self> {
        Self::start_from("nats-server")
    }

    fn start_from(program: &str) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let server = command(program, ANY_PORT, folder.path()).spawn()?;
        // From here on, an early return ends the server too.
        let mut own = Self { server, url: String::new(), folder };
        own.wait_until_ready()?;
        Ok(own)
    }

    /// Ends the server; its files stay.
    pub fn stop(&mut self) {
        drop(self.server.stdin.take());
        // Nothing can be done about a server that has ended already.
        let _ = self.server.wait();
    }

    /// Starts it again where it was, with what it has stored, and waits until it takes connections.
    ///
    /// # Errors
    /// If somebody else has taken its port, or it does not start within [`SERVER_START_TIME`].
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop();
        let port = self.url.rsplit(':').next().unwrap_or(ANY_PORT).to_owned();
        self.server = command("nats-server", &port, self.folder.path()).spawn()?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let output = self.server.stderr.take().ok_or_else(|| io::Error::other("no output"))?;
        self.url = wait_until_ready(&lines(output))?;
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A server that ends when the shell's input does.
fn command(program: &str, port: &str, folder: &Path) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new("sh");
    command
        .args(["-c", UNTIL_INPUT_ENDS, program])
        .args(["--addr", "127.0.0.1", "--port", port, "--jetstream", "--store_dir"])
        .arg(folder)
        // Where Debian puts it is in root's path only.
        .env("PATH", [path.as_os_str(), "/usr/sbin".as_ref()].join(":".as_ref()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The lines of the server's log, which is read to its end: a full pipe would stop the server.
fn lines(output: impl io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// The server's address, as soon as it is ready.
fn wait_until_ready(lines: &Receiver<String>) -> io::Result<String> {
    let deadline = Instant::now() + SERVER_START_TIME;
    let mut said = String::new();
    let mut url = None;
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some((_, address)) = line.split_once(LISTENING) {
            url = Some(format!("nats://{}", address.trim()));
        }
        match url {
            Some(url) if line.contains(READY) => return Ok(url),
            _ => said.push_str(&format!("{line}\n")),
        }
    }
    Err(io::Error::other(format!("no NATS server ({INSTALL}); it said:\n{said}")))
}

/// The shell's own jobs have no input, so the server's death waits for a copy of it. A process that is
/// killed has no time to end a child, but its end of a pipe is closed.
const UNTIL_INPUT_ENDS: &str = r#"
exec 3<&0
"$0" "$@" &
server=$!
(cat <&3; kill $server) >/dev/null 2>&1 &
wait $server
"#;

/// What makes the server choose one.
const ANY_PORT: &str = "-1";

const LISTENING: &str = "Listening for client connections on ";
const READY: &str = "Server is ready";
const INSTALL: &str = "Debian's package is `nats-server`";

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn address(server: &NatsServer) -> String {
        server.url().trim_start_matches("nats://").to_owned()
    }

    #[test]
    fn a_server_ends_with_its_handle_and_leaves_nothing() {
        let server = NatsServer::start().unwrap();
        let (address, folder) = (address(&server), server.folder.path().to_owned());
        TcpStream::connect(&address).unwrap();
        drop(server);
        TcpStream::connect(&address).unwrap_err();
        assert!(!folder.exists());
    }

    #[test]
    fn a_server_ends_with_the_process_that_started_it() {
        let mut server = NatsServer::start().unwrap();
        let address = address(&server);
        // What the end of this process does, even if nothing is dropped.
        drop(server.server.stdin.take());
        server.server.wait().unwrap();
        TcpStream::connect(&address).unwrap_err();
    }

    #[test]
    fn a_server_comes_back_at_its_address_with_its_files() {
        let mut server = NatsServer::start().unwrap();
        let (url, file) = (server.url().to_owned(), server.folder.path().join("jetstream/kept"));
        std::fs::write(&file, "kept").unwrap();
        server.stop();
        TcpStream::connect(address(&server)).unwrap_err();
        server.restart().unwrap();
        assert_eq!(server.url(), url);
        TcpStream::connect(address(&server)).unwrap();
        assert!(file.exists());
    }

    #[test]
    fn where_it_is_missing_the_error_says_what_to_install() {
        let error = NatsServer::start_from("no-such-nats-server").unwrap_err().to_string();
        assert!(error.contains("Debian's package"), "{error}");
        assert!(error.contains("not found"), "{error}");
    }
}
