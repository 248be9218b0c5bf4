//! What a check found, gathered from any thread.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::floor::{Floor, LeftContext};
use crate::limits::MAX_LEAKS;

/// What was left behind, as lines to read: the error of a check that failed.
///
/// At most [`MAX_LEAKS`] are listed; the rest is counted. Names and ids of spans are shown, neither
/// attributes nor `tracestate` nor baggage.
#[derive(Clone, PartialEq, Eq)]
pub struct Leaks {
    listed: Vec<String>,
    more: usize,
}

impl Leaks {
    /// Number of leaks, the ones that are only counted included.
    #[expect(clippy::len_without_is_empty, reason = "without a leak there is no error")]
    pub fn len(&self) -> usize {
        self.listed.len() + self.more
    }
}

impl fmt::Display for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left behind:")?;
        for leak in &self.listed {
            write!(f, "\n  {leak}")?;
        }
        if self.more > 0 {
            write!(f, "\n  … and {} more", self.more)?;
        }
        Ok(())
    }
}

/// The same as the text to show: it is what `unwrap` prints.
impl fmt::Debug for Leaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Leaks {}

/// Where the parts of one check put what they find.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found(Arc<Mutex<Kept>>);

impl Found {
    pub(crate) fn push(&self, leak: impl fmt::Display) {
        let mut kept = self.lock();
        if kept.listed.len() < MAX_LEAKS {
            kept.listed.push(leak.to_string());
        } else {
            kept.more += 1;
        }
    }

    /// Takes the floor up and notes what lies on it, and where.
    pub(crate) fn lift(&self, floor: Floor, place: &str) {
        if let Some(left) = floor.lift() {
            let thread = thread::current();
            let name = thread.name().unwrap_or("without a name");
            let line = format!("{left} {place}, on the thread {name}");
            // What lies on a floor lies on those below it too: the first look tells the most.
            if self.is_new(thread.id(), left) {
                self.push(line);
            }
        }
    }

    fn is_new(&self, thread: ThreadId, left: LeftContext) -> bool {
        let mut kept = self.lock();
        // Above the bound nothing is listed, and a second count does no harm.
        kept.contexts.len() >= MAX_LEAKS || kept.contexts.insert((thread, left))
    }

    pub(crate) fn result(&self) -> Result<(), Leaks> {
        let Kept { listed, more, .. } = std::mem::take(&mut *self.lock());
        if listed.is_empty() { Ok(()) } else { Err(Leaks { listed, more }) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A line is whole or not there, whoever panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Kept {
    listed: Vec<String>,
    more: usize,
    contexts: HashSet<(ThreadId, LeftContext)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_lists_the_first_leaks_and_counts_the_rest() {
        let found = Found::default();
        (0..MAX_LEAKS + 2).for_each(|n| found.push(n));
        let leaks = found.result().unwrap_err();
        assert_eq!(leaks.len(), MAX_LEAKS + 2);
        assert!(leaks.to_string().starts_with("left behind:\n  0\n  1\n"), "{leaks}");
        assert!(leaks.to_string().ends_with("\n  … and 2 more"), "{leaks}");
        assert_eq!(format!("{leaks:?}"), leaks.to_string());
        assert_eq!(found.result(), Ok(()), "each leak is told once");
    }
}
