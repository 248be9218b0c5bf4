use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use opentelemetry::trace::SpanKind;
use pin_project::pin_project;
use serde::Serialize;

use super::connection::{Connection, Half, Noted};
use super::halves::{self, ReceiveHalf, SendHalf};
use super::tracing::describe;
use super::{Envelope, Incoming, Message, SendError, SocketTracing, Subprotocol};
use crate::otel::error_type;
use crate::propagation::Extraction;

/// A WebSocket whose messages carry trace context, over any sink and stream of messages.
///
/// [`send_traced`](Self::send_traced) sends an event in a span of its own, whose context goes along.
/// Received messages come as [`Incoming`], with their context, to be worked on in a span. Messages that
/// are sent through [`Sink`] go out as they are: a binary one has to bring its
/// [`Frame`](super::Frame) where both ends have agreed on it.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::StreamExt;
/// use serde_json::{Value, json};
/// use throughline::websocket::{Envelope, TracedWebSocket};
///
/// let (socket, _) = tokio_tungstenite::connect_async("ws://127.0.0.1:4000/ws").await?;
/// let mut socket = TracedWebSocket::new(socket, Envelope::json());
/// socket.send_traced(&json!({"type": "hello"})).await?;
/// while let Some(incoming) = socket.next().await {
///     incoming?.in_span(async |event: Value| println!("{event}")).await?;
/// }
/// # Ok(()) }
/// ```
///
/// The connection has a span too, `connection`, below the span that is current when the socket is
/// wrapped. It ends once: with the close frame of the other side, the end of the stream, an error of the
/// socket, or when the last half is dropped. It says then how many messages there were, and how the
/// connection was closed: the code and reason of the first close frame, sent or received. What
/// [`Sink::poll_close`] sends by itself has neither. The metric `websocket.connection.count` tells how many
/// are open.
#[pin_project]
#[derive(Debug)]
pub struct TracedWebSocket<S> {
    #[pin]
    inner: S,
    half: Half,
}

impl<S> TracedWebSocket<S> {
    /// Wraps a socket, with an [`Envelope`] or with more settings.
    pub fn new(socket: S, tracing: impl Into<SocketTracing>) -> Self {
        Self::accepted(socket, tracing, &Extraction::default())
    }

    /// Wraps a socket that somebody asked for with this context, as
    /// [`SocketTracing::caller`] reads it. The connection's span is a child of theirs; below a span of
    /// this process, it links to them, if that is of another trace.
    pub fn accepted(socket: S, tracing: impl Into<SocketTracing>, caller: &Extraction) -> Self {
        let tracing = tracing.into();
        tracing.messaging.count_refused(caller);
        let connection = Connection::open(tracing, SpanKind::Internal, caller);
        Self::of(socket, Half::from(Arc::new(connection)))
    }

    pub(super) fn of(socket: S, half: Half) -> Self {
        Self { inner: socket, half }
    }

    /// Keeps to what the handshake has agreed on: if the subprotocol says so, every binary message has a
    /// [`Frame`](super::Frame) with its context. [`connect_traced`](super::connect_traced) and the
    /// upgrades of axum call it by themselves.
    #[must_use]
    pub fn agreed(self, subprotocol: Option<&Subprotocol>) -> Self {
        if let Some(subprotocol) = subprotocol {
            self.half.connection().agree(subprotocol);
        }
        self
    }

    /// The envelope that reads and writes the context.
    pub fn envelope(&self) -> &Envelope {
        &self.half.connection().tracing().envelope
    }

    /// The socket inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The socket inside.
    pub fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives the socket back. The connection's span ends here.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Splits the socket for two tasks. Both halves are of one connection, which ends with the second.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let (client, server) = throughline_testkit::websocket::pair().await;
    /// use futures_util::StreamExt;
    /// use throughline::websocket::{Envelope, TracedWebSocket};
    ///
    /// let (mut sender, _) = TracedWebSocket::new(client, Envelope::json()).split();
    /// let (_, mut receiver) = TracedWebSocket::new(server, Envelope::json()).split();
    /// let sending = tokio::spawn(async move { sender.send_traced(&[1, 2, 3]).await });
    /// let incoming = receiver.next().await.unwrap().unwrap();
    /// assert_eq!(incoming.decode::<Vec<u8>>().unwrap().unwrap(), [1, 2, 3]);
    /// # sending.await.unwrap().unwrap();
    /// # });
    /// ```
    pub fn split(self) -> (TracedWebSocket<SendHalf<S>>, TracedWebSocket<ReceiveHalf<S>>) {
        let (sender, receiver) = halves::split(self.inner);
        let half = self.half.clone();
        (
            TracedWebSocket { inner: sender, half },
            TracedWebSocket { inner: receiver, half: self.half },
        )
    }

    pub(super) fn half(&self) -> &Half {
        &self.half
    }
}

impl<S: Unpin> TracedWebSocket<S> {
    /// Serializes an event, and sends it as a text message in a `PRODUCER` span below the current one:
    /// see [`Messaging::send`](crate::messaging::Messaging::send). The message carries the context of
    /// that span, unless the event brings one of its own (rule MS-1).
    ///
    /// Whoever drops the future before its end does not know whether the message is out, and the span
    /// counts as cancelled: it has not been handed over at all, or it has as a whole and goes out with the
    /// next one, or with the next flush.
    ///
    /// # Errors
    /// If the event cannot be serialized, or the socket cannot take it: then the message comes back in
    /// the error.
    pub async fn send_traced<T, M>(&mut self, event: &T) -> Result<(), SendError<S::Error, M>>
    where
        T: Serialize + ?Sized,
        M: Message,
        S: Sink<M>,
    {
        let connection = Arc::clone(self.half.connection());
        let sending = connection.send();
        let sent = match connection.tracing().encode(event, &sending) {
            Ok(message) => self.hand_over(message).await,
            Err(error) => Err(SendError::Encode(error)),
        };
        match &sent {
            Ok(()) => sending.succeeded(),
            Err(SendError::Encode(_)) => sending.failed(error_type::<serde_json::Error>()),
            Err(_) => sending.failed(error_type::<S::Error>()),
        }
        sent
    }

    /// Sends a payload as a binary message in a `PRODUCER` span below the current one. The message carries
    /// the context of that span if both ends have [agreed](Self::agreed) on frames; else it is the
    /// payload. A future that is dropped is as that of [`send_traced`](Self::send_traced).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # let (client, server) = throughline_testkit::websocket::pair().await;
    /// use futures_util::StreamExt;
    /// use throughline::context::TraceParent;
    /// use throughline::otel::{ContextExt, ContextFuture};
    /// use throughline::websocket::{Envelope, Message, Subprotocol, TracedWebSocket};
    ///
    /// let parent: TraceParent =
    ///     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    /// let agreed = Subprotocol::of("images+throughline.v1");
    /// let mut client = TracedWebSocket::new(client, Envelope::json()).agreed(Some(&agreed));
    /// let mut server = TracedWebSocket::new(server, Envelope::json()).agreed(Some(&agreed));
    ///
    /// let cx = opentelemetry::Context::new().with_trace_context(parent.into());
    /// client.send_binary_traced(b"\x89PNG").in_context(cx).await.unwrap();
    /// let incoming = server.next().await.unwrap().unwrap();
    /// assert_eq!(incoming.message.as_binary(), Some(&b"\x89PNG"[..]));
    /// assert_eq!(incoming.context().parent(), Some(&parent));
    /// # });
    /// ```
    ///
    /// # Errors
    /// If the socket cannot take it: then the message comes back in the error, with its frame.
    pub async fn send_binary_traced<M>(
        &mut self,
        payload: &[u8],
    ) -> Result<(), SendError<S::Error, M>>
    where
        M: Message,
        S: Sink<M>,
    {
        let connection = Arc::clone(self.half.connection());
        let sending = connection.send();
        let message = match connection.is_framed() {
            true => connection.tracing().frame(payload, &sending),
            false => {
                describe(&sending, payload.len(), false);
                M::from_binary(Bytes::copy_from_slice(payload))
            }
        };
        let sent = self.hand_over(message).await;
        match &sent {
            Ok(()) => sending.succeeded(),
            Err(_) => sending.failed(error_type::<S::Error>()),
        }
        sent
    }

    /// Sends a message, and keeps it until the socket has taken it.
    pub(super) async fn hand_over<M>(&mut self, message: M) -> Result<(), SendError<S::Error, M>>
    where
        M: Message,
        S: Sink<M>,
    {
        let mut waiting = Some(message);
        std::future::poll_fn(|task| {
            let mut socket = Pin::new(&mut *self);
            if let Some(message) = waiting.take() {
                match socket.as_mut().poll_ready(task) {
                    Poll::Pending => {
                        waiting = Some(message);
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Err(SendError::Refused(error, message)));
                    }
                    Poll::Ready(Ok(())) => {}
                }
                let kept = message.clone();
                if let Err(error) = socket.as_mut().start_send(message) {
                    return Poll::Ready(Err(SendError::Refused(error, kept)));
                }
            }
            <Self as Sink<M>>::poll_flush(socket, task).map_err(SendError::Socket)
        })
        .await
    }
}

impl<S, M, E> Stream for TracedWebSocket<S>
where
    S: Stream<Item = Result<M, E>>,
    M: Message,
{
    type Item = Result<Incoming<M>, E>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let connection = this.half.connection();
        let received = ready!(this.inner.poll_next(task));
        match &received {
            Some(Ok(message)) => connection.received(Noted::of(message)),
            Some(Err(_)) => connection.end(Some(error_type::<E>().into())),
            None => connection.end(None),
        }
        Poll::Ready(received.map(|item| item.map(|message| Incoming::of(message, connection))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<S, M, E> FusedStream for TracedWebSocket<S>
where
    S: FusedStream<Item = Result<M, E>>,
    M: Message,
{
    fn is_terminated(&self) -> bool {
        self.inner.is_terminated()
    }
}

impl<S: Sink<M>, M: Message> Sink<M> for TracedWebSocket<S> {
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let this = self.project();
        this.half.checked(this.inner.poll_ready(task))
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), S::Error> {
        let this = self.project();
        let noted = Noted::of(&message);
        // What is refused here may be taken later: a full buffer is no broken connection.
        this.inner.start_send(message)?;
        this.half.connection().sent(noted);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let this = self.project();
        this.half.checked(this.inner.poll_flush(task))
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let this = self.project();
        this.half.checked(this.inner.poll_close(task))
    }
}
