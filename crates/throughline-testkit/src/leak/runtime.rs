//! Threads of a tokio runtime under a check.

use std::cell::RefCell;
use std::thread;

use tokio::runtime::{Builder, Runtime};

use super::LeakCheck;
use super::floor::Floor;
use super::report::{Found, Leaks};
use super::spans::Expected;
use super::watched::{Turn, Watched};
use crate::InMemorySpans;

/// A tokio runtime for one test, with a look at every thread when it stops, those for blocking work
/// included. What a task has left there is still there then.
///
/// [`LeakCheck::run`] is the short form. The spans are looked at last, when the runtime has dropped
/// every task, so that a span which is open then is one that nobody can end any more.
///
/// ```
/// use throughline_testkit::WatchedRuntime;
///
/// let runtime = WatchedRuntime::current_thread();
/// let answer = runtime.block_on(async { tokio::spawn(async { 7 }).await.unwrap() });
/// runtime.finish();
/// assert_eq!(answer, 7);
/// ```
///
/// A task that leaves a context behind is found on its worker, whoever awaits it or not:
///
/// ```
/// use opentelemetry::Context;
/// use throughline_testkit::WatchedRuntime;
///
/// let runtime = WatchedRuntime::multi_thread(2);
/// runtime.block_on(async {
///     tokio::spawn(async { std::mem::forget(Context::new().attach()) }).await.unwrap();
/// });
/// assert!(runtime.check().unwrap_err().to_string().contains("on the thread tokio-rt-worker"));
/// ```
#[derive(Debug)]
#[must_use = "it looks when it is dropped: bind it to a name"]
pub struct WatchedRuntime {
    runtime: Option<Runtime>,
    expected: Vec<Expected>,
    found: Found,
}

impl WatchedRuntime {
    /// A runtime with that many workers, at least one, with timers and sockets.
    ///
    /// ```
    /// throughline_testkit::WatchedRuntime::multi_thread(2).finish();
    /// ```
    ///
    /// # Panics
    /// If the operating system gives no thread.
    pub fn multi_thread(workers: usize) -> Self {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers.max(1));
        Self::build(builder)
    }

    /// A runtime on the thread that calls [`block_on`](Self::block_on), with timers and sockets.
    ///
    /// ```
    /// throughline_testkit::WatchedRuntime::current_thread().finish();
    /// ```
    ///
    /// # Panics
    /// If the operating system gives no event queue.
    pub fn current_thread() -> Self {
        Self::build(Builder::new_current_thread())
    }

    /// As [`LeakCheck::spans`].
    ///
    /// ```
    /// use throughline_testkit::{InMemorySpans, WatchedRuntime};
    ///
    /// WatchedRuntime::current_thread().spans(&InMemorySpans::new()).finish();
    /// ```
    pub fn spans(mut self, spans: &InMemorySpans) -> Self {
        self.expected.push(Expected::all_of(spans));
        self
    }

    /// Runs a future to its end, with a look after each of its polls.
    ///
    /// ```
    /// # use throughline_testkit::WatchedRuntime;
    /// assert_eq!(WatchedRuntime::current_thread().block_on(async { 7 }), 7);
    /// ```
    ///
    /// # Panics
    /// If the future does, and inside of another runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        // Tasks of a runtime without workers run on this thread.
        let _turn = Turn::begin(&self.found, "at the end");
        match &self.runtime {
            Some(runtime) => runtime.block_on(Watched::new(future, self.found.clone())),
            None => unreachable!("only `look` takes the runtime, and nothing can be run after it"),
        }
    }

    /// As [`LeakCheck::watch`]: looks after every poll of a task, where its thread is looked at in
    /// the end.
    ///
    /// ```
    /// # use throughline_testkit::WatchedRuntime;
    /// let runtime = WatchedRuntime::multi_thread(2);
    /// let task = runtime.watch(async { 7 });
    /// assert_eq!(runtime.block_on(async { tokio::spawn(task).await.unwrap() }), 7);
    /// ```
    pub fn watch<F: Future>(&self, future: F) -> Watched<F> {
        Watched::new(future, self.found.clone())
    }

    /// Shuts down and tells what was left behind. Waits for blocking work that is under way.
    ///
    /// ```
    /// # use throughline_testkit::WatchedRuntime;
    /// assert!(WatchedRuntime::current_thread().check().is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Leaks`], if there is anything.
    pub fn check(mut self) -> Result<(), Leaks> {
        self.look()
    }

    /// Shuts down and looks. The same as dropping the runtime, with the line of the call in the
    /// message.
    ///
    /// ```
    /// throughline_testkit::WatchedRuntime::multi_thread(1).finish();
    /// ```
    ///
    /// # Panics
    /// If anything was left behind.
    #[track_caller]
    pub fn finish(self) {
        if let Err(leaks) = self.check() {
            panic!("{leaks}");
        }
    }

    fn build(mut builder: Builder) -> Self {
        let found = Found::default();
        let stopped = found.clone();
        let runtime = builder
            .enable_all()
            .on_thread_start(|| FLOOR.set(Some(Floor::lay())))
            .on_thread_stop(move || {
                if let Some(floor) = FLOOR.take() {
                    stopped.lift(floor, "at the thread's end");
                }
            })
            .build()
            .unwrap_or_else(|error| panic!("no runtime for the test: {error}"));
        Self { runtime: Some(runtime), expected: Vec::new(), found }
    }

    fn look(&mut self) -> Result<(), Leaks> {
        // Tasks are dropped and threads joined here, each with its last look.
        drop(self.runtime.take());
        self.expected.drain(..).for_each(|expected| expected.check(&self.found));
        self.found.result()
    }
}

impl Drop for WatchedRuntime {
    fn drop(&mut self) {
        let looked = self.look();
        // A test that fails already has its reason, and a second panic would hide it.
        if !thread::panicking() {
            looked.unwrap_or_else(|leaks| panic!("{leaks}"));
        }
    }
}

impl LeakCheck {
    /// Runs the body of a test on a runtime with two workers, and fails if it leaves anything
    /// behind on any thread: [`WatchedRuntime`] in one line.
    ///
    /// ```
    /// use opentelemetry::Context;
    /// use throughline_testkit::LeakCheck;
    ///
    /// let spawned = LeakCheck::run(async {
    ///     let task = tokio::spawn(async { drop(Context::new().attach()) });
    ///     task.await
    /// });
    /// assert!(spawned.is_ok());
    /// ```
    ///
    /// # Panics
    /// If anything was left behind, and if the future panics.
    #[track_caller]
    pub fn run<F: Future>(future: F) -> F::Output {
        let runtime = WatchedRuntime::multi_thread(2);
        let output = runtime.block_on(future);
        runtime.finish();
        output
    }
}

thread_local! {
    /// The floor of a thread that a runtime of ours has started. It stays with the thread: a guard
    /// cannot be moved to another.
    static FLOOR: RefCell<Option<Floor>> = const { RefCell::new(None) };
}
