//! The bounded list of spans behind every source of records, and waiting for what it holds.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::limits::{MAX_KEPT_BYTES, MAX_SHOWN_LINES, MAX_SPANS};
use crate::{SpanRecord, Tree};

/// Spans in the order of their arrival, up to a bound.
#[derive(Debug)]
pub(crate) struct Store {
    capacity: Capacity,
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
}

impl Store {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self { capacity, kept: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Keeps `spans` as far as there is room, and returns how many there was no room for.
    pub(crate) fn extend(&self, spans: impl IntoIterator<Item = SpanRecord>) -> usize {
        let mut left_out = 0;
        {
            let mut kept = self.lock();
            for span in spans {
                let bytes = kept.bytes.saturating_add(span.size());
                if kept.spans.len() < self.capacity.spans && bytes <= self.capacity.bytes {
                    kept.bytes = bytes;
                    kept.spans.push(span);
                } else {
                    left_out += 1;
                }
            }
            kept.dropped += left_out;
        }
        self.changed.send_replace(());
        left_out
    }

    /// Counts spans that were refused before they came here.
    #[cfg(feature = "otlp")]
    pub(crate) fn count_dropped(&self, spans: usize) {
        self.lock().dropped += spans;
    }

    pub(crate) fn spans(&self) -> Vec<SpanRecord> {
        self.lock().spans.clone()
    }

    pub(crate) fn dropped(&self) -> usize {
        self.lock().dropped
    }

    pub(crate) fn clear(&self) {
        {
            let mut kept = self.lock();
            *kept = Kept { generation: kept.generation + 1, ..Kept::default() };
        }
        self.changed.send_replace(());
    }

    /// Returns the spans as soon as `matches` accepts them.
    pub(crate) async fn wait_for(
        &self,
        mut matches: impl FnMut(&[SpanRecord]) -> bool,
        timeout: Duration,
    ) -> Result<Vec<SpanRecord>, Timeout> {
        let mut changed = self.changed.subscribe();
        let mut seen = Seen::default();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                seen.catch_up(&self.lock());
                // Without the lock: `matches` may well ask the same store.
                if matches(&seen.spans) {
                    return;
                }
                if changed.changed().await.is_err() {
                    // The sender lives as long as `self`.
                    std::future::pending::<()>().await;
                }
            }
        };
        match tokio::time::timeout(timeout, waiting).await {
            Ok(()) => Ok(seen.spans),
            Err(_) => Err(Timeout { waited: timeout, spans: seen.spans }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A span is taken whole or not at all, so a panic elsewhere leaves no half of a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a [`Store`] may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) spans: usize,
    pub(crate) bytes: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { spans: MAX_SPANS, bytes: MAX_KEPT_BYTES }
    }
}

#[derive(Debug, Default)]
struct Kept {
    spans: Vec<SpanRecord>,
    bytes: usize,
    dropped: usize,
    /// Number of times that the store was cleared.
    generation: u64,
}

/// A waiter's own copy of the spans. It grows by what is new: copying all of them on each arrival
/// would make long waits quadratic.
#[derive(Default)]
struct Seen {
    spans: Vec<SpanRecord>,
    generation: u64,
}

impl Seen {
    fn catch_up(&mut self, kept: &Kept) {
        if self.generation != kept.generation {
            self.spans.clear();
            self.generation = kept.generation;
        }
        self.spans.extend_from_slice(&kept.spans[self.spans.len()..]);
    }
}

/// The awaited spans did not arrive in time.
///
/// `Debug` shows the folded tree of those that did, at most [`MAX_SHOWN_LINES`] lines of it, so
/// that the message of an `unwrap` in a test says what is missing.
#[derive(Clone, PartialEq, Eq)]
pub struct Timeout {
    waited: Duration,
    spans: Vec<SpanRecord>,
}

impl Timeout {
    /// The time that was waited.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// The spans that had arrived by then.
    pub fn spans(&self) -> &[SpanRecord] {
        &self.spans
    }

    /// The spans that had arrived by then.
    pub fn into_spans(self) -> Vec<SpanRecord> {
        self.spans
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "awaited spans missing after {:?}, {} arrived", self.waited, self.spans.len())
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let tree = Tree::new(&self.spans).folded().to_string();
        let mut lines = tree.lines();
        for line in lines.by_ref().take(MAX_SHOWN_LINES) {
            write!(f, "\n{line}")?;
        }
        match lines.count() {
            0 => Ok(()),
            more => write!(f, "\n… {more} more lines"),
        }
    }
}

impl std::error::Error for Timeout {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn span(name: &str) -> SpanRecord {
        SpanRecord::new("t", name, name)
    }

    fn names(spans: &[SpanRecord]) -> Vec<&str> {
        spans.iter().map(|span| &*span.name).collect()
    }

    #[test]
    fn spans_beyond_the_count_are_dropped_and_counted() {
        let store = Store::new(Capacity { spans: 2, ..Capacity::default() });
        assert_eq!(store.extend(["a", "b", "c"].map(span)), 1);
        assert_eq!(store.extend([span("d")]), 1);
        assert_eq!((names(&store.spans()), store.dropped()), (vec!["a", "b"], 2));
    }

    #[test]
    fn spans_beyond_the_bytes_are_dropped_and_counted() {
        let bytes = span("a").size() + span("b").size();
        let store = Store::new(Capacity { bytes, ..Capacity::default() });
        let long = SpanRecord { scope: "x".repeat(bytes), ..span("long") };
        assert_eq!(store.extend([span("a"), long, span("b"), span("c")]), 2);
        assert_eq!((names(&store.spans()), store.dropped()), (vec!["a", "b"], 2));
    }

    #[test]
    fn clearing_makes_room_again() {
        let store = Store::new(Capacity { spans: 1, ..Capacity::default() });
        store.extend(["a", "b"].map(span));
        store.clear();
        assert_eq!((store.spans(), store.dropped()), (vec![], 0));
        assert_eq!(store.extend([span("c")]), 0);
    }

    #[tokio::test]
    async fn a_waiter_is_woken_by_the_span_that_it_waits_for() {
        let store = Arc::new(Store::new(Capacity::default()));
        store.extend([span("early")]);
        let (looked, mut looks) = tokio::sync::mpsc::unbounded_channel();
        let waiter = tokio::spawn({
            let store = Arc::clone(&store);
            async move {
                let matches = |spans: &[SpanRecord]| {
                    looked.send(spans.len()).unwrap();
                    spans.len() == 3
                };
                store.wait_for(matches, LONG).await
            }
        });
        assert_eq!(looks.recv().await, Some(1));
        store.extend([span("second")]);
        assert_eq!(looks.recv().await, Some(2));
        store.extend([span("third")]);
        let spans = waiter.await.unwrap().unwrap();
        assert_eq!(names(&spans), ["early", "second", "third"]);
    }

    #[tokio::test]
    async fn a_waiter_starts_over_when_the_store_is_cleared() {
        let store = Store::new(Capacity::default());
        store.extend(["a", "b"].map(span));
        let mut looks = 0;
        let matches = |spans: &[SpanRecord]| {
            looks += 1;
            if looks == 1 {
                store.clear();
                store.extend([span("c")]);
            }
            names(spans) == ["c"]
        };
        assert_eq!(names(&store.wait_for(matches, LONG).await.unwrap()), ["c"]);
    }

    #[tokio::test]
    async fn a_timeout_says_what_arrived() {
        let store = Store::new(Capacity::default());
        store.extend([span("a")]);
        let error = store.wait_for(|spans| spans.len() > 1, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.to_string(), "awaited spans missing after 0ns, 1 arrived");
        assert_eq!(format!("{error:?}"), format!("{error}\n  a  INTERNAL"));
        assert_eq!(names(error.spans()), ["a"]);
    }

    #[test]
    fn a_timeout_with_many_spans_shows_only_the_first_lines() {
        let spans = (0..MAX_SHOWN_LINES + 5).map(|n| span(&n.to_string())).collect();
        let text = format!("{:?}", Timeout { waited: LONG, spans });
        assert_eq!(text.lines().count(), 1 + MAX_SHOWN_LINES + 1);
        assert!(text.ends_with("\n… 5 more lines"), "{text}");
    }
}
