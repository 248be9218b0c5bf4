use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;

use super::floor::Floor;
use super::report::Found;

/// Future of [`LeakCheck::watch`](super::LeakCheck::watch).
///
/// ```
/// use throughline_testkit::{LeakCheck, Watched};
///
/// let check = LeakCheck::new();
/// let watched: Watched<_> = check.watch(std::future::ready(7));
/// # drop(watched);
/// # check.finish();
/// ```
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Watched<F> {
    #[pin]
    inner: F,
    found: Found,
}

impl<F> Watched<F> {
    pub(super) fn new(inner: F, found: Found) -> Self {
        Self { inner, found }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _turn = Turn::begin(this.found, "after a poll");
        this.inner.poll(task)
    }
}

/// A stretch of one thread's work. What it leaves is noted at its end, a panic included.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    floor: Option<Floor>,
    found: &'a Found,
    place: &'static str,
}

impl<'a> Turn<'a> {
    pub(super) fn begin(found: &'a Found, place: &'static str) -> Self {
        Self { floor: Some(Floor::lay()), found, place }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(floor) = self.floor.take() {
            self.found.lift(floor, self.place);
        }
    }
}
