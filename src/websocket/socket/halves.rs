use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

/// The sending half of a socket, inside of the first part of
/// [`TracedWebSocket::split`](super::TracedWebSocket::split).
///
/// Unlike the half of `futures_util`, it keeps no message back: one that the socket refuses is refused at
/// once.
pub struct SendHalf<S>(Shared<S>);

/// The receiving half of a socket, inside of the second part of
/// [`TracedWebSocket::split`](super::TracedWebSocket::split).
pub struct ReceiveHalf<S>(Shared<S>);

pub(super) fn split<S>(socket: S) -> (SendHalf<S>, ReceiveHalf<S>) {
    let shared = Arc::new(Mutex::new(socket));
    (SendHalf(Shared(Arc::clone(&shared))), ReceiveHalf(Shared(shared)))
}

/// A socket that two tasks poll. No poll waits for input or output, so the other one waits no longer
/// than it takes to copy a message.
struct Shared<S>(Arc<Mutex<S>>);

impl<S: Unpin> Shared<S> {
    fn with<T>(&self, poll: impl FnOnce(Pin<&mut S>) -> T) -> T {
        let mut socket: MutexGuard<'_, S> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        poll(Pin::new(&mut *socket))
    }
}

impl<S: Sink<M> + Unpin, M> Sink<M> for SendHalf<S> {
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.with(|socket| socket.poll_ready(task))
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), S::Error> {
        self.0.with(|socket| socket.start_send(message))
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.with(|socket| socket.poll_flush(task))
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.with(|socket| socket.poll_close(task))
    }
}

impl<S: Stream + Unpin> Stream for ReceiveHalf<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.0.with(|socket| socket.poll_next(task))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.with(|socket| socket.size_hint())
    }
}

impl<S: FusedStream + Unpin> FusedStream for ReceiveHalf<S> {
    fn is_terminated(&self) -> bool {
        self.0.with(|socket| socket.is_terminated())
    }
}

impl<S> fmt::Debug for SendHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendHalf").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ReceiveHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveHalf").finish_non_exhaustive()
    }
}
