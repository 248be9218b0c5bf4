use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use pin_project::pin_project;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::strip;
use super::{Envelope, Message};
use crate::context::TraceContext;
use crate::propagation::Extraction;

/// A WebSocket whose messages carry trace context, over any sink and stream of messages.
///
/// Received messages come with their context. Sent events get the current one;
/// messages that are sent through [`Sink`] go out as they are.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::StreamExt;
/// use throughline::websocket::{Envelope, TracedWebSocket};
///
/// let (socket, _) = tokio_tungstenite::connect_async("ws://127.0.0.1:4000/ws").await?;
/// let mut socket = TracedWebSocket::new(socket, Envelope::json());
/// socket.send_event(&serde_json::json!({"type": "hello"})).await?;
/// while let Some(incoming) = socket.next().await {
///     let incoming = incoming?;
///     println!("{:?} of trace {:?}", incoming.message, incoming.extraction.context.parent());
/// }
/// # Ok(()) }
/// ```
#[pin_project]
#[derive(Debug)]
pub struct TracedWebSocket<S> {
    #[pin]
    inner: S,
    envelope: Envelope,
}

impl<S> TracedWebSocket<S> {
    /// Wraps a socket.
    pub fn new(socket: S, envelope: Envelope) -> Self {
        Self { inner: socket, envelope }
    }

    /// The envelope that reads and writes the context.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The socket inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The socket inside.
    pub fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives the socket back.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Unpin> TracedWebSocket<S> {
    /// Serializes an event with the current context in it, and sends it as a text message.
    ///
    /// # Errors
    /// If the event cannot be serialized, or the socket cannot take it.
    pub async fn send_event<T, M>(&mut self, event: &T) -> Result<(), SendError<S::Error>>
    where
        T: Serialize + ?Sized,
        M: Message,
        S: Sink<M>,
    {
        let text = self.envelope.encode(event).map_err(SendError::Encode)?;
        let mut message = Some(M::from_text(text));
        std::future::poll_fn(|task| {
            let mut inner = Pin::new(&mut self.inner);
            if message.is_some() {
                ready!(inner.as_mut().poll_ready(task))?;
            }
            if let Some(message) = message.take() {
                inner.as_mut().start_send(message)?;
            }
            inner.poll_flush(task)
        })
        .await
        .map_err(SendError::Socket)
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
        let received = ready!(this.inner.poll_next(task));
        Poll::Ready(received.map(|message| {
            message.map(|message| {
                let extraction =
                    message.as_text().map(|text| this.envelope.extract(text)).unwrap_or_default();
                Incoming { message, extraction }
            })
        }))
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

impl<S: Sink<M>, M> Sink<M> for TracedWebSocket<S> {
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().inner.poll_ready(task)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), S::Error> {
        self.project().inner.start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().inner.poll_flush(task)
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().inner.poll_close(task)
    }
}

/// A received message and the context that came in it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Incoming<M> {
    /// The message, as it was received.
    pub message: M,
    /// The context; empty for everything but a text message that has one.
    pub extraction: Extraction,
}

impl<M: Message> Incoming<M> {
    /// Deserializes the text of the message without the context's members. `None` if it has no text.
    ///
    /// # Errors
    /// If the text is not what `T` expects.
    pub fn decode<T: DeserializeOwned>(&self) -> Option<Result<T, serde_json::Error>> {
        let text = self.message.as_text()?;
        Some(serde_json::from_str(&strip(text)))
    }

    /// The context of the span that sent the message.
    pub fn context(&self) -> &TraceContext {
        &self.extraction.context
    }
}

/// Why an event could not be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError<E> {
    /// The event cannot be serialized.
    Encode(serde_json::Error),
    /// The socket cannot take it.
    Socket(E),
}

impl<E> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encode(_) => "the event cannot be serialized",
            Self::Socket(_) => "the socket cannot take the event",
        })
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SendError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Socket(error) => Some(error),
        }
    }
}
