//! Hands states to the web pages that follow.

use std::fmt;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use super::state::{State, to_json};
use crate::limits::{BROADCAST_CAPACITY, MAX_SUBSCRIBERS};

/// One state on its way to a page. A clone shares the text.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) session_id: String,
    pub(super) json: Utf8Bytes,
}

/// The subscribers. Sending never waits: one that is slow loses states, and is told so.
pub(super) struct Hub {
    sender: Sender<Change>,
    seats: Arc<Semaphore>,
    closed: CancellationToken,
}

/// A place at the hub.
pub(super) struct Subscription {
    pub(super) changes: Receiver<Change>,
    /// Cancelled when the service ends.
    pub(super) closed: CancellationToken,
    _seat: OwnedSemaphorePermit,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BROADCAST_CAPACITY),
            seats: Arc::new(Semaphore::new(MAX_SUBSCRIBERS)),
            closed: CancellationToken::new(),
        }
    }

    /// Subscribes; none if all places are taken.
    pub(super) fn subscribe(&self) -> Option<Subscription> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        Some(Subscription {
            changes: self.sender.subscribe(),
            closed: self.closed.clone(),
            _seat: seat,
        })
    }

    pub(super) fn subscribers(&self) -> usize {
        self.sender.receiver_count()
    }

    /// Sends a state to all. Its text is only made if somebody listens.
    pub(super) fn send(&self, state: &State, envelope: impl FnOnce(String) -> String) {
        let Some(session) = &state.session else { return };
        if self.subscribers() == 0 {
            return;
        }
        let json = envelope(to_json(state)).into();
        // An error means that the last subscriber has just left.
        let _ = self.sender.send(Change { session_id: session.id.clone(), json });
    }

    /// Tells every subscriber that the service ends.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("subscribers", &self.subscribers()).finish_non_exhaustive()
    }
}
