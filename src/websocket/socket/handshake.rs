//! The context of the connection itself: in headers, in the query of the address, or in a first message.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use futures_sink::Sink;
use http::{Extensions, Request, StatusCode};
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;

use super::connection::{Connection, Half};
use super::{Incoming, Message, QueryParameters, SendError, SocketTracing, TracedWebSocket};
use crate::context::TraceContext;
use crate::limits;
use crate::otel::{CANCELLED, told};
use crate::propagation::Extraction;

impl SocketTracing {
    /// Who asks for a connection with this request: what its headers say, or, where they name no parent
    /// and the query of its address does, what that says, as [`QueryParameters`] reads it. What was
    /// refused of either is reported together. A server behind a
    /// [`ServerLayer`](crate::http::ServerLayer) needs it for the query only, and what the layer has counted of
    /// the headers is not reported again.
    ///
    /// ```
    /// use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
    /// use throughline::websocket::{Envelope, SocketTracing, TracedWebSocket};
    ///
    /// # async fn serve(stream: tokio::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let tracing = SocketTracing::new(Envelope::json());
    /// let mut caller = Default::default();
    /// let accept = |request: &Request, response: Response| {
    ///     caller = tracing.caller(request);
    ///     Ok(response)
    /// };
    /// let socket = tokio_tungstenite::accept_hdr_async(stream, accept).await?;
    /// let socket = TracedWebSocket::accepted(socket, tracing, &caller);
    /// # drop(socket);
    /// # Ok(()) }
    /// ```
    pub fn caller<B>(&self, request: &Request<B>) -> Extraction {
        let propagator = self.envelope.propagator();
        let mut headers = propagator.extract(request.headers());
        if are_counted(request.extensions()) {
            headers.refused.clear();
        }
        if headers.context.parent().is_some() || request.uri().query().is_none() {
            return headers;
        }
        let query = propagator.extract(&QueryParameters::of(request.uri()));
        let refused = [&headers.refused[..], &query.refused].concat();
        let refused = refused.into_iter().take(limits::REFUSALS).collect();
        let says_more = query.context.parent().is_some() || headers.context.is_empty();
        Extraction { refused, ..if says_more { query } else { headers } }
    }

    /// Begins a connection to the server that this request goes to, and tells it the context in headers,
    /// in place of those that are there. Where the server is none of the
    /// [targets](Self::targets), it gets none.
    ///
    /// The connection's span is a `CLIENT` span below the current one, and the server's handshake its
    /// child.
    ///
    /// ```
    /// # #[cfg(feature = "websocket-connect")]
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    /// use tokio_tungstenite::{connect_async_with_config, tungstenite};
    /// use throughline::websocket::{Envelope, SocketTracing};
    ///
    /// let tracing = SocketTracing::new(Envelope::json());
    /// let mut request = "ws://127.0.0.1:4000/ws".into_client_request()?;
    /// let dialing = tracing.dial(&mut request);
    /// let socket = match connect_async_with_config(request, None, true).await {
    ///     Ok((socket, _)) => dialing.connected(socket),
    ///     Err(tungstenite::Error::Http(response)) => return Ok(dialing.refused(response.status())),
    ///     Err(error) => return Err(error.into()),
    /// };
    /// # drop(socket);
    /// # Ok(()) }
    /// ```
    pub fn dial<B>(&self, request: &mut Request<B>) -> Dialing {
        let caller = Extraction::default();
        let connection = Connection::open(self.clone(), SpanKind::Client, &caller);
        let propagator = self.envelope.propagator();
        for field in propagator.fields() {
            request.headers_mut().remove(field.header_name());
        }
        if self.targets.allow_uri(request.uri()) {
            propagator.inject(&connection.context(), request.headers_mut());
        }
        Dialing { half: Half::from(Arc::new(connection)), is_connected: false }
    }
}

/// Whether a server's layer has counted what is refused of a request's headers.
#[cfg(feature = "http")]
fn are_counted(extensions: &Extensions) -> bool {
    extensions.get::<crate::otel::CountedHeaders>().is_some()
}

#[cfg(not(feature = "http"))]
fn are_counted(_: &Extensions) -> bool {
    false
}

/// A connection that a server has been asked for, from [`SocketTracing::dial`].
///
/// Its span ends with it if there is no connection. If it is dropped, it counts as cancelled.
#[derive(Debug)]
#[must_use = "a connection that is dropped counts as cancelled"]
pub struct Dialing {
    half: Half,
    is_connected: bool,
}

impl Dialing {
    /// What the server is told, for other places than headers.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        self.half.connection().context()
    }

    /// The server has agreed.
    pub fn connected<S>(mut self, socket: S) -> TracedWebSocket<S> {
        self.is_connected = true;
        TracedWebSocket::of(socket, self.half.clone())
    }

    /// The server has answered otherwise.
    pub fn refused(self, status: StatusCode) {
        self.failed(status.as_str().to_owned());
    }

    /// There is no answer, by an error of this type: none with a received value in it.
    pub fn failed(self, error_type: impl Into<Cow<'static, str>>) {
        self.half.connection().end(Some(error_type.into()));
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        if !self.is_connected {
            self.half.connection().end(Some(CANCELLED.into()));
        }
    }
}

impl<S: Unpin> TracedWebSocket<S> {
    /// Sends the current context as a message of its own, `{"_trace":{..}}`: the first one of a client
    /// that can neither set headers nor wants it in the address. Without a context, nothing is sent. The
    /// other side has to [expect](Self::receive_context) it.
    ///
    /// # Errors
    /// If the socket cannot take it: then the message comes back in the error.
    pub async fn send_context<M>(&mut self) -> Result<(), SendError<S::Error, M>>
    where
        M: Message,
        S: Sink<M>,
    {
        match self.envelope().inject(ONLY_CONTEXT, &Context::map_current(told)) {
            Cow::Owned(text) => self.hand_over(M::from_text(text)).await,
            Cow::Borrowed(_) => Ok(()),
        }
    }

    /// Receives the first message, whose context becomes a link of the connection. If there is more in
    /// it than a context, or none, it comes back to be worked on like any other: clients that do not send
    /// their context first lose nothing. `None` at the end of the stream.
    ///
    /// It waits as long as the client does: put it into a timeout.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let (client, server) = throughline_testkit::websocket::pair().await;
    /// use std::time::Duration;
    /// use throughline::context::TraceParent;
    /// use throughline::otel::{ContextExt, ContextFuture};
    /// use throughline::websocket::{Envelope, TracedWebSocket};
    /// use tokio::time::timeout;
    ///
    /// let parent: TraceParent =
    ///     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    /// let mut client = TracedWebSocket::new(client, Envelope::json());
    /// let cx = opentelemetry::Context::new().with_trace_context(parent.into());
    /// client.send_context().in_context(cx).await.unwrap();
    ///
    /// let mut server = TracedWebSocket::new(server, Envelope::json());
    /// let first = timeout(Duration::from_secs(5), server.receive_context()).await;
    /// let (caller, message) = first.unwrap().unwrap().unwrap();
    /// assert_eq!(caller.context.parent(), Some(&parent));
    /// assert!(message.is_none());
    /// # });
    /// ```
    ///
    /// # Errors
    /// If the socket fails.
    pub async fn receive_context<M, E>(
        &mut self,
    ) -> Option<Result<(Extraction, Option<Incoming<M>>), E>>
    where
        M: Message,
        S: Stream<Item = Result<M, E>>,
    {
        let received = std::future::poll_fn(|task| Pin::new(&mut *self).poll_next(task)).await?;
        Some(received.map(|incoming| {
            self.half().connection().link(incoming.context());
            if !self.is_only_context(&incoming) {
                return (incoming.extraction.clone(), Some(incoming));
            }
            self.half().connection().tracing().messaging.count_refused(&incoming.extraction);
            (incoming.extraction, None)
        }))
    }

    fn is_only_context<M: Message>(&self, incoming: &Incoming<M>) -> bool {
        let text = incoming.message.as_text().filter(|_| !incoming.context().is_empty());
        text.is_some_and(|text| self.envelope().strip(text) == ONLY_CONTEXT)
    }
}

/// What is left of a message with nothing in it but a context.
const ONLY_CONTEXT: &str = "{}";
