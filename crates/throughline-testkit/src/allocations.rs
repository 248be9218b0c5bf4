//! How often code allocates, as something that a test can hold to a budget.
//!
//! Counts repeat exactly where times do not, so they hold on a shared machine in continuous
//! integration.
//!
//! ```
//! use throughline::context::TraceParent;
//! use throughline_testkit::allocations::assert_allocations;
//!
//! let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
//! assert_allocations(0, || text.parse::<TraceParent>().is_ok());
//! ```
//!
//! The feature `allocations` puts the counting allocator of
//! [`allocation_counter`](https://docs.rs/allocation-counter) in the place of the global one, in
//! every program that links this crate: switch it on for a package of such tests, not for a
//! workspace whose benches measure something. A program that has a global allocator of its own does
//! not compile with it. Only the thread that runs the work is counted; what it gives to other
//! threads or tasks is not.

use std::hint::black_box;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use allocation_counter::measure;
use pin_project::pin_project;

/// What some work took from the allocator, in total: what it gave back does not count against it.
/// Growing in place counts as one more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Allocations {
    /// Number of allocations.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Allocations {
    /// Counts one run of `work`.
    ///
    /// ```
    /// use throughline_testkit::allocations::Allocations;
    ///
    /// let (text, taken) = Allocations::of(|| String::from("hello"));
    /// assert_eq!((text.as_str(), taken.count, taken.bytes), ("hello", 1, 5));
    /// ```
    ///
    /// # Panics
    /// If nothing counts here: a zero that means "unknown" would pass every budget.
    #[track_caller]
    pub fn of<R>(work: impl FnOnce() -> R) -> (R, Self) {
        assert_counting(Location::caller());
        count(work)
    }

    /// Counts what the polls of a future take, on whatever thread and runtime they run.
    ///
    /// ```
    /// use throughline_testkit::allocations::Allocations;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (seven, taken) = Allocations::of_future(async { *Box::new(7) }).await;
    /// assert_eq!((seven, taken.count), (7, 1));
    /// # });
    /// ```
    ///
    /// # Panics
    /// As [`of`](Self::of), when it is polled.
    #[track_caller]
    pub fn of_future<F: Future>(future: F) -> Counted<F> {
        Counted { inner: future, taken: Self::default(), place: Location::caller() }
    }

    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }

    fn hold(self, budget: u64, place: &Location<'_>) {
        let Self { count, bytes } = self;
        assert!(
            count <= budget,
            "{place}: {count} allocations ({bytes} bytes), the budget is {budget}"
        );
    }
}

/// Future of [`Allocations::of_future`].
///
/// ```
/// use throughline_testkit::allocations::{Allocations, Counted};
///
/// let counted: Counted<_> = Allocations::of_future(std::future::ready(7));
/// # drop(counted);
/// ```
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Counted<F> {
    #[pin]
    inner: F,
    taken: Allocations,
    place: &'static Location<'static>,
}

impl<F: Future> Future for Counted<F> {
    type Output = (F::Output, Allocations);

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        assert_counting(this.place);
        let (poll, taken) = count(|| this.inner.poll(task));
        this.taken.add(taken);
        poll.map(|output| (output, *this.taken))
    }
}

/// Fails if `work` allocates more often than `budget`. It runs twice, and the second run counts:
/// what is done once per process or thread has happened then.
///
/// ```
/// use throughline_testkit::allocations::assert_allocations;
///
/// assert_allocations(1, || vec![0_u8; 1024]);
/// ```
///
/// # Panics
/// Above the budget, with the count, the bytes and the line of the call; and if nothing counts here.
#[track_caller]
pub fn assert_allocations<R>(budget: u64, mut work: impl FnMut() -> R) {
    work();
    Allocations::of(work).1.hold(budget, Location::caller());
}

/// [`assert_allocations`] for async work: only its own polls count, not those of the runtime.
///
/// ```
/// use throughline_testkit::allocations::assert_async_allocations;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_async_allocations(0, async || tokio::task::yield_now().await).await;
/// # });
/// ```
///
/// # Panics
/// As [`assert_allocations`].
#[track_caller]
pub fn assert_async_allocations<R>(
    budget: u64,
    mut work: impl AsyncFnMut() -> R,
) -> impl Future<Output = ()> {
    let place = Location::caller();
    async move {
        work().await;
        let (_, taken) = Counted { inner: work(), taken: Allocations::default(), place }.await;
        taken.hold(budget, place);
    }
}

fn count<R>(work: impl FnOnce() -> R) -> (R, Allocations) {
    let mut result = None;
    let taken = measure(|| result = Some(work()));
    let taken = Allocations { count: taken.count_total, bytes: taken.bytes_total };
    match result {
        Some(result) => (result, taken),
        None => unreachable!("`measure` runs the work, or goes on with its panic"),
    }
}

/// Counts something that is known to allocate.
fn assert_counting(place: &Location<'_>) {
    let known = measure(|| drop(black_box(Box::new(black_box(0_u8)))));
    assert!(
        known.count_total == 1,
        "{place}: allocations are not counted here; either `allocation_counter::opt_out` is active, \
         or its allocator is not the global one of this program"
    );
}
