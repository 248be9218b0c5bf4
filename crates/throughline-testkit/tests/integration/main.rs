//! The testkit as its users see it, and mistakes planted on purpose that it has to find.
//!
//! `cfg(test)` is always on here. It tells clippy that functions beside the tests may panic too.
//! The parts behind features run with `--all-features`, as in `cargo xtask test`.

#[cfg(test)]
#[cfg(feature = "allocations")]
mod allocations;
#[cfg(test)]
mod headers;
#[cfg(test)]
#[cfg(feature = "runtime")]
mod leaks;
#[cfg(test)]
#[cfg(feature = "websocket")]
mod socket;

/// The message of the panic that `work` has to end in.
#[cfg(test)]
fn panic_message<R>(work: impl FnOnce() -> R) -> String {
    let work = std::panic::AssertUnwindSafe(work);
    let payload = std::panic::catch_unwind(work).map(drop).expect_err("no panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}
