//! How long to wait before the next attempt.

use std::time::Duration;

use crate::limits::{BACKOFF_FIRST, BACKOFF_MAX};

/// Waits that double up to a bound, each drawn at random up to its length, so that many clients of
/// one server that was away do not come back at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The wait before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let longest = BACKOFF_FIRST.saturating_mul(1 << self.attempts.min(16)).min(BACKOFF_MAX);
        self.attempts = self.attempts.saturating_add(1);
        longest.mul_f64(0.1 + 0.9 * fastrand::f64())
    }

    /// Starts over, after an attempt that succeeded.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_start_over() {
        let mut backoff = Backoff::default();
        assert!(backoff.next() <= BACKOFF_FIRST);
        for _ in 0..100 {
            let wait = backoff.next();
            assert!(wait <= BACKOFF_MAX && wait >= BACKOFF_FIRST / 10);
        }
        backoff.reset();
        assert!(backoff.next() <= BACKOFF_FIRST);
    }
}
