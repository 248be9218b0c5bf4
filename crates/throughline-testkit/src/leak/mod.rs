//! Nothing is left behind: no context on a thread, no span without an end.

use std::thread;

use crate::InMemorySpans;

mod floor;
mod report;
#[cfg(feature = "runtime")]
mod runtime;
mod spans;
mod watched;

pub use report::Leaks;
#[cfg(feature = "runtime")]
pub use runtime::WatchedRuntime;
pub use watched::Watched;

use floor::Floor;
use report::Found;
use spans::Expected;

/// Fails a test that leaves a context attached to its thread, or a span without an end.
///
/// A context that stays current after its work is the parent of whatever runs next on the thread:
/// the spans of strangers join the trace. Make the check in the first line of a test; it looks when
/// it is dropped, in its last.
///
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use throughline_testkit::{InMemorySpans, LeakCheck};
///
/// let spans = InMemorySpans::new();
/// let _check = LeakCheck::new().spans(&spans);
/// spans.provider().tracer("docs").in_span("GET /", |_| ());
/// ```
///
/// What it says about a test that forgets a guard and a span:
///
/// ```
/// use opentelemetry::Context;
/// use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
/// use throughline_testkit::{InMemorySpans, LeakCheck};
///
/// let spans = InMemorySpans::new();
/// let check = LeakCheck::new().spans(&spans);
/// let span = spans.provider().tracer("docs").start("GET /");
/// std::mem::forget(Context::current_with_span(span).attach());
///
/// let leaks = check.check().unwrap_err().to_string();
/// assert!(leaks.contains("is still attached at the end"), "{leaks}");
/// assert!(leaks.contains("span \"GET /\" of \"app\""), "{leaks}");
/// ```
///
/// # In async tests
///
/// In a `#[tokio::test]` with one thread, the check in the first line sees what any task leaves on
/// that thread until the end. A guard that a task holds across an `await`, and drops in time, shows
/// itself to other tasks in between only: [`watch`](Self::watch) looks after every poll. The
/// feature `runtime` has `LeakCheck::run`, which also visits the threads of a runtime.
///
/// # What it cannot see
///
/// A span that was ended twice: the SDK takes the first end and ignores the others. What is seen is
/// a span that was recorded twice. The check attaches a copy of the current context for as long as
/// it lives, so it belongs at the top of a test, not inside a future that runs in a context.
#[derive(Debug)]
#[must_use = "it looks when it is dropped: bind it to a name"]
pub struct LeakCheck {
    floor: Option<Floor>,
    expected: Vec<Expected>,
    found: Found,
}

impl LeakCheck {
    /// Watches this thread from here on.
    ///
    /// ```
    /// let _check = throughline_testkit::LeakCheck::new();
    /// ```
    pub fn new() -> Self {
        Self { floor: Some(Floor::lay()), expected: Vec::new(), found: Found::default() }
    }

    /// Also expects that every span which starts in this collection from here on ends before the
    /// check does, and that none is recorded twice. Spans that no sampler takes are not seen.
    ///
    /// A span that ends on another thread has to be awaited first, by
    /// [`InMemorySpans::wait_for`].
    ///
    /// ```
    /// use throughline_testkit::{InMemorySpans, LeakCheck};
    ///
    /// let spans = InMemorySpans::new();
    /// LeakCheck::new().spans(&spans).finish();
    /// ```
    pub fn spans(mut self, spans: &InMemorySpans) -> Self {
        self.expected.push(Expected::all_of(spans));
        self
    }

    /// Looks after every poll of this future, on whatever thread it runs; what it finds is reported
    /// when the check looks. A panic of the future goes on.
    ///
    /// ```
    /// use opentelemetry::Context;
    /// use throughline_testkit::LeakCheck;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let check = LeakCheck::new();
    /// let held = check.watch(async {
    ///     let _guard = Context::new().attach();
    ///     tokio::task::yield_now().await;
    /// });
    /// held.await;
    /// assert!(check.check().unwrap_err().to_string().contains("after a poll"));
    /// # });
    /// ```
    pub fn watch<F: Future>(&self, future: F) -> Watched<F> {
        Watched::new(future, self.found.clone())
    }

    /// Looks now, and tells what was left behind.
    ///
    /// ```
    /// assert!(throughline_testkit::LeakCheck::new().check().is_ok());
    /// ```
    ///
    /// # Errors
    /// [`Leaks`], if there is anything.
    pub fn check(mut self) -> Result<(), Leaks> {
        self.look()
    }

    /// Looks now. The same as dropping the check, with the line of the call in the message.
    ///
    /// ```
    /// throughline_testkit::LeakCheck::new().finish();
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

    /// A second look finds nothing: the first one took it along.
    fn look(&mut self) -> Result<(), Leaks> {
        if let Some(floor) = self.floor.take() {
            self.found.lift(floor, "at the end");
        }
        self.expected.drain(..).for_each(|expected| expected.check(&self.found));
        self.found.result()
    }
}

impl Default for LeakCheck {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for LeakCheck {
    fn drop(&mut self) {
        let looked = self.look();
        // A test that fails already has its reason, and a second panic would hide it.
        if !thread::panicking() {
            looked.unwrap_or_else(|leaks| panic!("{leaks}"));
        }
    }
}
