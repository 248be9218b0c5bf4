//! Every message to every receiver; one that is too slow misses some, and is told how many.

use std::fmt;

use tokio::sync::broadcast::error::SendError;
use tokio::sync::broadcast::{self, Receiver};

use crate::task::Carried;

/// A channel that holds at most that many messages, rounded up to a power of two;
/// [`tokio::sync::broadcast::channel`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (news, mut first) = throughline::task::channel::broadcast(8);
/// let mut second = news.subscribe();
/// assert_eq!(news.send(7).unwrap(), 2);
/// assert_eq!(first.recv().await.unwrap().into_inner(), 7);
/// assert_eq!(second.recv().await.unwrap().into_inner(), 7);
/// # });
/// ```
///
/// # Panics
/// If the capacity is zero or more than `usize::MAX / 2`.
#[must_use]
#[track_caller]
pub fn broadcast<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<Carried<T>>) {
    let (inner, receiver) = broadcast::channel(capacity);
    (Sender { inner }, receiver)
}

/// Sends with the context of where it is asked to.
pub struct Sender<T> {
    inner: broadcast::Sender<Carried<T>>,
}

impl<T> Sender<T> {
    /// Sends a value, and tells to how many receivers.
    ///
    /// # Errors
    /// If there is none; value and context come back.
    pub fn send(&self, value: T) -> Result<usize, SendError<Carried<T>>> {
        self.forward(Carried::new(value))
    }

    /// Sends a value with the context that it has already.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn forward(&self, carried: Carried<T>) -> Result<usize, SendError<Carried<T>>> {
        self.inner.send(carried)
    }

    /// A receiver of what is sent from here on.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<Carried<T>> {
        self.inner.subscribe()
    }

    /// tokio's sender, for what else it can do.
    #[must_use]
    pub fn inner(&self) -> &broadcast::Sender<Carried<T>> {
        &self.inner
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let receivers = self.inner.receiver_count();
        f.debug_struct("Sender").field("receivers", &receivers).finish_non_exhaustive()
    }
}
