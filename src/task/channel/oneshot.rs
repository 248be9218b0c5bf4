//! One message: an answer, or none.

use std::fmt;

use tokio::sync::oneshot::{self, Receiver};

use crate::task::Carried;

/// A channel for one message; [`tokio::sync::oneshot::channel`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (answer, answered) = throughline::task::channel::oneshot();
/// answer.send(7).unwrap();
/// assert_eq!(answered.await.unwrap().into_inner(), 7);
/// # });
/// ```
#[must_use]
#[track_caller]
pub fn oneshot<T>() -> (Sender<T>, Receiver<Carried<T>>) {
    let (inner, receiver) = oneshot::channel();
    (Sender { inner }, receiver)
}

/// Sends with the context of where it is asked to.
pub struct Sender<T> {
    inner: oneshot::Sender<Carried<T>>,
}

impl<T> Sender<T> {
    /// Sends the value.
    ///
    /// # Errors
    /// If there is no receiver any more; value and context come back.
    pub fn send(self, value: T) -> Result<(), Carried<T>> {
        self.forward(Carried::new(value))
    }

    /// Sends a value with the context that it has already.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn forward(self, carried: Carried<T>) -> Result<(), Carried<T>> {
        self.inner.send(carried)
    }

    /// Waits until nobody wants the value any more.
    pub async fn closed(&mut self) {
        self.inner.closed().await;
    }

    /// Whether nobody wants the value any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
