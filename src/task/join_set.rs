use tokio::task::{AbortHandle, JoinSet};

use super::{detached, spawn};
use crate::otel::ContextFuture;

/// Tasks of a [`JoinSet`] that keep the context of where they were spawned.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use throughline::task::JoinSetExt;
/// use tokio::task::JoinSet;
///
/// let mut set = JoinSet::new();
/// set.spawn_traced(async { 3 });
/// set.spawn_blocking_traced(|| 4);
/// assert_eq!(set.join_all().await.iter().sum::<i32>(), 7);
/// # });
/// ```
pub trait JoinSetExt<T>: sealed::Sealed {
    /// [`JoinSet::spawn`], as [`task::spawn`](super::spawn()).
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[track_caller]
    fn spawn_traced<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send;

    /// [`JoinSet::spawn_blocking`], as [`task::spawn_blocking`](super::spawn_blocking).
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[track_caller]
    fn spawn_blocking_traced<F>(&mut self, work: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send;

    /// [`JoinSet::spawn_local`], as [`task::spawn_local`](super::spawn_local).
    ///
    /// # Panics
    /// Outside of a `LocalSet`.
    #[track_caller]
    fn spawn_local_traced<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static;
}

impl<T: 'static> JoinSetExt<T> for JoinSet<T> {
    fn spawn_traced<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.spawn(future.in_context(detached()))
    }

    fn spawn_blocking_traced<F>(&mut self, work: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.spawn_blocking(spawn::in_context(work))
    }

    fn spawn_local_traced<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.spawn_local(future.in_context(detached()))
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the trait behind it")]
    pub trait Sealed {}
    impl<T> Sealed for tokio::task::JoinSet<T> {}
}
