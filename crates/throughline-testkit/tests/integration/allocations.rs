//! The counters count, see what they cannot count, and budgets can be missed.

use std::future::poll_fn;
use std::hint::black_box;
use std::mem::take;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use throughline_testkit::allocations::{Allocations, assert_allocations, assert_async_allocations};

use super::panic_message;

/// Allocates once in each of so many polls.
async fn boxes(count: usize) {
    for _ in 0..count {
        black_box(Box::new(1_u64));
        let mut waits = true;
        poll_fn(|_| if take(&mut waits) { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

/// Polls to the end without a runtime, which would allocate on its own account.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

#[test]
fn every_allocation_counts_and_a_growing_vector_counts_again() {
    let (_, taken) = Allocations::of(|| (Box::new([0_u8; 3]), Box::new([0_u8; 4])));
    assert_eq!((taken.count, taken.bytes), (2, 7));
    let grown = Allocations::of(|| {
        let mut list = Vec::with_capacity(1);
        list.push(1_u8);
        list.reserve_exact(1);
        list
    });
    assert_eq!(grown.1.count, 2);
    assert_eq!(Allocations::of(|| 1 + 1).1, Allocations::default());
}

#[test]
fn a_budget_that_is_missed_says_by_how_much_and_where() {
    let line = line!() + 1;
    let text = panic_message(|| assert_allocations(1, || (Box::new(1_u8), Box::new(2_u8))));
    assert!(text.starts_with(&format!("{}:{line}:", file!())), "{text}");
    assert!(text.ends_with(": 2 allocations (2 bytes), the budget is 1"), "{text}");
    assert_allocations(2, || (Box::new(1_u8), Box::new(2_u8)));
}

#[test]
fn what_is_done_once_does_not_count() {
    let mut cache = None;
    assert_allocations(0, || {
        cache.get_or_insert_with(|| Box::new(1_u8));
    });
}

#[test]
fn the_polls_of_a_future_add_up() {
    let ((), taken) = run(Allocations::of_future(boxes(3)));
    assert_eq!((taken.count, taken.bytes), (3, 24));
    run(assert_async_allocations(3, async || boxes(3).await));
}

#[test]
fn a_future_may_change_its_thread_between_polls() {
    let mut counted = Box::pin(Allocations::of_future(boxes(3)));
    let mut task = Context::from_waker(Waker::noop());
    assert!(counted.as_mut().poll(&mut task).is_pending());
    let elsewhere = std::thread::spawn(move || run(counted));
    assert_eq!(elsewhere.join().unwrap().1.count, 3);
}

#[test]
fn an_async_budget_that_is_missed_says_where() {
    let line = line!() + 1;
    let text = panic_message(|| run(assert_async_allocations(2, async || boxes(3).await)));
    assert!(text.starts_with(&format!("{}:{line}:", file!())), "{text}");
    assert!(text.ends_with(": 3 allocations (24 bytes), the budget is 2"), "{text}");
}

#[test]
fn a_counter_that_does_not_count_says_so() {
    let uncounted = || {
        allocation_counter::opt_out(|| {
            Allocations::of(|| Box::new(1_u8));
        });
    };
    let text = panic_message(uncounted);
    assert!(text.contains("allocations are not counted here"), "{text}");
}
