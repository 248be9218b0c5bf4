use tokio::task::{JoinHandle, LocalSet};

use super::detached;
use crate::otel::ContextFuture;

/// Tasks of a [`LocalSet`] that keep the context of where they were spawned.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// use throughline::task::LocalSetExt;
/// use tokio::task::LocalSet;
///
/// let local = LocalSet::new();
/// let answer = std::rc::Rc::new(7);
/// let task = local.spawn_local_traced(async move { *answer });
/// assert_eq!(local.block_on(&runtime, task).unwrap(), 7);
/// ```
pub trait LocalSetExt: sealed::Sealed {
    /// [`LocalSet::spawn_local`], as [`task::spawn_local`](super::spawn_local).
    #[track_caller]
    fn spawn_local_traced<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static;
}

impl LocalSetExt for LocalSet {
    fn spawn_local_traced<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: 'static> + 'static,
    {
        self.spawn_local(future.in_context(detached()))
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the trait behind it")]
    pub trait Sealed {}
    impl Sealed for tokio::task::LocalSet {}
}
