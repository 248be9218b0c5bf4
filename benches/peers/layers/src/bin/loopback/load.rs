//! Callers over connections that are kept.
//!
//! They write the same bytes again and again and read a response of known length: a real client
//! would cost as much as the bare server, and then be what is measured.

use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::BoxError;
use crate::server::BODY;

/// All callers of one server.
pub(crate) struct Load {
    callers: Vec<Caller>,
}

struct Caller {
    stream: TcpStream,
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Load {
    /// Connects, and sends one request over each connection.
    pub(crate) async fn open(port: u16, headers: &HeaderMap) -> Result<Self, BoxError> {
        let mut callers = Vec::new();
        for _ in 0..CALLERS {
            callers.push(Caller::open(port, request(headers)).await?);
        }
        Ok(Self { callers })
    }

    /// Calls for some time; how many responses have come.
    pub(crate) async fn run(&mut self, time: Duration) -> Result<u64, BoxError> {
        let until = Instant::now() + time;
        let mut running = JoinSet::new();
        for mut caller in self.callers.drain(..) {
            running.spawn(async move {
                let responses = caller.run(until).await;
                (caller, responses)
            });
        }
        let mut sum = 0;
        while let Some(ended) = running.join_next().await {
            let (caller, responses) = ended?;
            sum += responses?;
            self.callers.push(caller);
        }
        Ok(sum)
    }
}

impl Caller {
    async fn open(port: u16, request: Vec<u8>) -> Result<Self, BoxError> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&request).await?;
        let mut response = Vec::new();
        while !response.ends_with(BODY.as_bytes()) {
            if stream.read_buf(&mut response).await? == 0 {
                return Err("a server has closed the connection".into());
            }
        }
        Ok(Self { stream, request, response })
    }

    async fn run(&mut self, until: Instant) -> io::Result<u64> {
        let mut responses = 0;
        while Instant::now() < until {
            self.stream.write_all(&self.request).await?;
            self.stream.read_exact(&mut self.response).await?;
            let found = self.response.starts_with(b"HTTP/1.1 200 ");
            if !found || !self.response.ends_with(BODY.as_bytes()) {
                return Err(io::Error::other("a response is another than the first"));
            }
            responses += 1;
        }
        Ok(responses)
    }
}

fn request(headers: &HeaderMap) -> Vec<u8> {
    let mut request = b"GET /users/7?page=2 HTTP/1.1\r\n".to_vec();
    // A body is announced in the input of the benches, and none is sent here.
    for (name, value) in headers.iter().filter(|(name, _)| *name != "content-length") {
        request.extend_from_slice(name.as_str().as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// Enough that the server always has something to do.
const CALLERS: usize = 8;
