//! A server process, and the handle that the measuring process has of it.
//!
//! It writes its port to stdout; then, for each line that it reads, the nanoseconds of CPU that it
//! has used and the spans that it has exported. It ends with its stdin.

use std::env;
use std::io::{self, BufRead as _, BufReader, Lines, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::BoxError;
use crate::sink::exported;
use crate::subject::Subject;

/// What a server says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// In nanoseconds, of all its threads.
    pub(crate) cpu: u64,
    /// In spans.
    pub(crate) exported: u64,
}

/// A running server, which ends when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Server {
    /// Starts this program as the server with this number.
    pub(crate) fn start(number: usize) -> Result<Self, BoxError> {
        let mut child = Command::new(env::current_exe()?)
            .args(["serve", &number.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("a server has no stdout")?;
        let mut server = Self { port: 0, child, stdin, stdout: BufReader::new(stdout).lines() };
        server.port = server.line()?.parse()?;
        Ok(server)
    }

    pub(crate) fn usage(&mut self) -> Result<Usage, BoxError> {
        self.stdin.as_mut().ok_or("a server has no stdin")?.write_all(b"\n")?;
        let line = self.line()?;
        let (cpu, exported) = line.split_once(' ').ok_or("a server says something else")?;
        Ok(Usage { cpu: cpu.parse()?, exported: exported.parse()? })
    }

    fn line(&mut self) -> Result<String, BoxError> {
        Ok(self.stdout.next().ok_or("a server has ended")??)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves on one thread until stdin ends.
pub(crate) fn serve(subject: &Subject) -> Result<(), BoxError> {
    pin(SERVER_CORE)?;
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let routes = Router::new().route("/users/{id}", get(async || BODY));
        let app = (subject.around)(routes).into_make_service_with_connect_info::<SocketAddr>();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let (running, ended) = oneshot::channel();
        thread::spawn(move || answer(running));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        tokio::spawn(axum::serve(listener, app).into_future());
        // Nothing is ever sent: it ends with stdin.
        let _ = ended.await;
        Ok(())
    })
}

fn answer(_running: oneshot::Sender<()>) {
    for _ in io::stdin().lines().map_while(Result::ok) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        println!("{} {}", cpu.tv_sec * 1_000_000_000 + cpu.tv_nsec, exported());
    }
}

/// Keeps this thread, and those that it starts, on one core: the server and its load shall not take
/// each other's place.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    let cores = thread::available_parallelism()?.get();
    let mut set = CpuSet::new();
    set.set(core % cores);
    Ok(sched_setaffinity(None, &set)?)
}

/// The response's.
pub(crate) const BODY: &str = "found";

const SERVER_CORE: usize = 0;
pub(crate) const CLIENT_CORE: usize = 1;
