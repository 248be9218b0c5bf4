//! Events that are not acknowledged yet.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::limits::{OUTBOX_BYTES, OUTBOX_EVENTS};

/// A queue with two ends that move apart: events that were sent stay until they are settled, and are
/// sent again on the next connection. Bounded in events and in bytes; a full one makes [`push`] wait.
///
/// [`push`]: Outbox::push
#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// Wakes the connection. A permit is kept, so no wake-up is lost.
    unsent: Notify,
    /// Wakes whoever waits for the end.
    settled: Notify,
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Pending>,
    /// How many at the front were sent on this connection.
    sent: usize,
    counts: Counts,
}

#[derive(Debug)]
struct Pending {
    command_id: String,
    seq: u64,
    text: Utf8Bytes,
    /// The span of the event, which lasts until the event is settled.
    cx: Context,
    attempts: i64,
    _room: [Option<OwnedSemaphorePermit>; 2],
}

/// What became of the events so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
}

impl Counts {
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            acknowledged: self.acknowledged - before.acknowledged,
            refused: self.refused - before.refused,
        }
    }
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            unsent: Notify::new(),
            settled: Notify::new(),
            events: Arc::new(Semaphore::new(OUTBOX_EVENTS)),
            bytes: Arc::new(Semaphore::new(OUTBOX_BYTES)),
        }
    }

    /// Adds an event, as soon as there is room.
    pub(super) async fn push(&self, command_id: String, seq: u64, text: String, cx: Context) {
        let bytes = u32::try_from(text.len().min(OUTBOX_BYTES)).unwrap_or(u32::MAX);
        // Without a permit if the bounds are lifted.
        let event = Arc::clone(&self.events).acquire_owned().await.ok();
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok();
        let text = Utf8Bytes::from(text);
        let pending = Pending { command_id, seq, text, cx, attempts: 0, _room: [event, bytes] };
        self.lock().queue.push_back(pending);
        self.unsent.notify_one();
    }

    /// Lets nobody wait for room any more: whoever is told to stop has only the end of a build to add.
    pub(super) fn lift_bounds(&self) {
        self.events.close();
        self.bytes.close();
    }

    /// The next event to send, as soon as there is one. A resent event keeps its bytes and its span;
    /// each attempt is an event on the span.
    pub(super) async fn next(&self) -> Utf8Bytes {
        loop {
            if let Some(text) = self.take_unsent() {
                return text;
            }
            self.unsent.notified().await;
        }
    }

    fn take_unsent(&self) -> Option<Utf8Bytes> {
        let mut state = self.lock();
        let next = state.sent;
        let pending = state.queue.get_mut(next)?;
        pending.attempts += 1;
        let attempt = KeyValue::new("attempt", pending.attempts);
        pending.cx.span().add_event("send", vec![attempt]);
        let text = pending.text.clone();
        state.sent += 1;
        Some(text)
    }

    /// Starts over with the oldest event, for a new connection.
    pub(super) fn rewind(&self) {
        self.lock().sent = 0;
        self.unsent.notify_one();
    }

    /// The database has the event. One that is not here any more was acknowledged before.
    pub(super) fn acknowledge(&self, command_id: &str, seq: u64) {
        if let Some(pending) = self.settle(command_id, seq, |counts| &mut counts.acknowledged) {
            pending.cx.span().end();
        }
    }

    /// Everything that was sent counts as delivered: the broker knows no acknowledgements.
    pub(super) fn acknowledge_sent(&self) {
        let mut state = self.lock();
        let sent = std::mem::take(&mut state.sent);
        for pending in state.queue.drain(..sent) {
            pending.cx.span().end();
        }
        state.counts.acknowledged += u64::try_from(sent).unwrap_or(u64::MAX);
        self.settled.notify_one();
    }

    /// The event will never be taken. It is given up, so that it does not block the others.
    pub(super) fn refuse(&self, command_id: &str, seq: u64, error: &str) {
        if let Some(pending) = self.settle(command_id, seq, |counts| &mut counts.refused) {
            let span = pending.cx.span();
            span.set_attribute(KeyValue::new("error.type", error.to_owned()));
            span.set_status(Status::error("the event was refused"));
            span.end();
        }
    }

    fn settle(
        &self,
        command_id: &str,
        seq: u64,
        count: fn(&mut Counts) -> &mut u64,
    ) -> Option<Pending> {
        let mut state = self.lock();
        let is_it = |pending: &Pending| pending.seq == seq && pending.command_id == command_id;
        let place = state.queue.iter().position(is_it)?;
        if place < state.sent {
            state.sent -= 1;
        }
        *count(&mut state.counts) += 1;
        self.settled.notify_one();
        state.queue.remove(place)
    }

    /// Waits until nothing is left.
    pub(super) async fn drained(&self) {
        while !self.lock().queue.is_empty() {
            self.settled.notified().await;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn push(outbox: &Outbox, seq: u64) -> Option<()> {
        outbox.push("c".into(), seq, seq.to_string(), Context::new()).now_or_never()
    }

    fn sent(outbox: &Outbox) -> Vec<String> {
        std::iter::from_fn(|| outbox.next().now_or_never()).map(|text| text.to_string()).collect()
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_in_order() {
        let outbox = Outbox::new();
        for seq in 1..=4 {
            push(&outbox, seq).unwrap();
        }
        assert_eq!(sent(&outbox), ["1", "2", "3", "4"]);
        outbox.acknowledge("c", 2);
        outbox.acknowledge("other", 3);
        outbox.rewind();
        assert_eq!(sent(&outbox), ["1", "3", "4"]);
        assert_eq!(outbox.len(), 3);
    }

    #[test]
    fn an_acknowledgement_moves_nothing_that_was_not_sent() {
        let outbox = Outbox::new();
        for seq in 1..=3 {
            push(&outbox, seq).unwrap();
        }
        assert_eq!(outbox.next().now_or_never().unwrap(), "1");
        outbox.acknowledge("c", 1);
        outbox.acknowledge("c", 1);
        outbox.acknowledge("c", 3);
        assert_eq!(sent(&outbox), ["2"]);
        outbox.refuse("c", 2, "bad_data");
        assert_eq!(outbox.counts(), Counts { acknowledged: 2, refused: 1 });
        assert!(outbox.drained().now_or_never().is_some());
    }

    #[test]
    fn without_acknowledgements_what_was_sent_is_settled() {
        let outbox = Outbox::new();
        push(&outbox, 1).unwrap();
        assert_eq!(sent(&outbox), ["1"]);
        push(&outbox, 2).unwrap();
        outbox.acknowledge_sent();
        assert_eq!(sent(&outbox), ["2"]);
        assert_eq!(outbox.len(), 1);
    }

    #[test]
    fn a_full_outbox_makes_the_sender_wait_until_there_is_room() {
        let outbox = Outbox::new();
        for seq in 1..=OUTBOX_EVENTS as u64 {
            push(&outbox, seq).unwrap();
        }
        assert!(push(&outbox, 0).is_none());
        sent(&outbox);
        outbox.acknowledge("c", 7);
        assert!(push(&outbox, 0).is_some());
        assert!(push(&outbox, 0).is_none());
        outbox.lift_bounds();
        assert!(push(&outbox, 0).is_some(), "who stops does not wait");

        let outbox = Outbox::new();
        let huge = "x".repeat(OUTBOX_BYTES);
        outbox.push("c".into(), 1, huge, Context::new()).now_or_never().unwrap();
        assert!(push(&outbox, 2).is_none(), "bytes are bounded too");
    }
}
