//! Many senders, one receiver, and as many messages between them as were asked for.

use std::fmt;

use tokio::sync::mpsc::error::{SendError, TrySendError};
use tokio::sync::mpsc::{self, Receiver};

use crate::task::Carried;

/// A channel that holds at most that many messages; [`tokio::sync::mpsc::channel`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (jobs, mut received) = throughline::task::channel::mpsc(8);
/// jobs.send(7).await.unwrap();
/// assert_eq!(received.recv().await.unwrap().into_inner(), 7);
/// # });
/// ```
///
/// # Panics
/// If the capacity is zero.
#[must_use]
#[track_caller]
pub fn mpsc<T>(capacity: usize) -> (Sender<T>, Receiver<Carried<T>>) {
    let (inner, receiver) = mpsc::channel(capacity);
    (Sender { inner }, receiver)
}

/// Sends with the context of where it is asked to.
pub struct Sender<T> {
    inner: mpsc::Sender<Carried<T>>,
}

impl<T> Sender<T> {
    /// Sends a value, when there is room. Its context is that of the first poll, so that
    /// `send(value).in_context(cx)` does what it says.
    ///
    /// # Errors
    /// If there is no receiver any more; value and context come back.
    pub async fn send(&self, value: T) -> Result<(), SendError<Carried<T>>> {
        self.forward(Carried::new(value)).await
    }

    /// Sends a value with the context that it has already: one that came in, or came back (rule MS-1).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # use throughline::task::channel;
    /// let (first, mut received) = channel::mpsc(8);
    /// let (second, mut relayed) = channel::mpsc(8);
    /// first.send(7).await.unwrap();
    /// second.forward(received.recv().await.unwrap()).await.unwrap();
    /// assert_eq!(relayed.recv().await.unwrap().into_inner(), 7);
    /// # });
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn forward(&self, carried: Carried<T>) -> Result<(), SendError<Carried<T>>> {
        self.inner.send(carried).await
    }

    /// Sends a value, if there is room.
    ///
    /// # Errors
    /// If there is none, or no receiver; value and context come back.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<Carried<T>>> {
        self.inner.try_send(Carried::new(value))
    }

    /// Sends a value from a thread that may wait.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Panics
    /// Inside of an asynchronous task.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<Carried<T>>> {
        self.inner.blocking_send(Carried::new(value))
    }

    /// Waits for room, for a value that is not there yet: in a `select!`, where a value in
    /// [`send`](Self::send) would be lost with the branch.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (jobs, mut received) = throughline::task::channel::mpsc(1);
    /// jobs.reserve().await.unwrap().send(7);
    /// assert_eq!(received.recv().await.unwrap().into_inner(), 7);
    /// # });
    /// ```
    ///
    /// # Errors
    /// If there is no receiver any more.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        Ok(Permit { inner: self.inner.reserve().await? })
    }

    /// tokio's sender, for what else it can do.
    #[must_use]
    pub fn inner(&self) -> &mpsc::Sender<Carried<T>> {
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
        f.debug_struct("Sender").field("room", &self.inner.capacity()).finish_non_exhaustive()
    }
}

/// Room for one value, see [`Sender::reserve`].
pub struct Permit<'a, T> {
    inner: mpsc::Permit<'a, Carried<T>>,
}

impl<T> Permit<'_, T> {
    /// Sends a value with the context of this call.
    pub fn send(self, value: T) {
        self.inner.send(Carried::new(value));
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
