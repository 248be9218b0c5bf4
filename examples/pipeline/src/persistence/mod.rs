//! Writes the events of a build to the database and shows its state to web pages.
//!
//! An event is one transaction: the ledger `generation_events` decides whether it is new, then it
//! takes effect on `generation_sessions`, `generation_todos` and `generation_tool_calls`, and the
//! session's raw state is refreshed. When [`Persistence::persist`] returns, the event is on disk.
//!
//! ```text
//! event ──> processor ──> writer (sql) ──> COMMIT ──> hub ──> /ws ──> web page ──> its span
//!                                                                                      │
//!                                                   collector <── /v1/traces <─────────┘
//! ```
//!
//! Every step is a span below the context that is current in the caller.

use std::fmt;

mod broadcast;
mod collector;
mod error;
mod instruments;
mod intake;
mod module;
mod page;
mod processor;
mod routes;
mod service;
mod sql;
mod state;
mod store;
mod writer;

pub(crate) use error::{OpenError, PersistError};
use instruments::Instruments;
pub(crate) use service::{open, run};

use broadcast::Hub;
use store::Store;

/// The persistence service: a database and the pages that follow it.
pub(crate) struct Persistence {
    store: Store,
    hub: Hub,
    instruments: Instruments,
}

impl Persistence {
    /// Opens the database, creates it if it is missing, and brings its tables up to date.
    ///
    /// The URL is `sqlite:<path>`.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub(crate) async fn open(url: &str, instruments: Instruments) -> Result<Self, OpenError> {
        Ok(Self { store: Store::open(url).await?, hub: Hub::new(), instruments })
    }

    /// Says goodbye to the web pages, waits for running transactions and closes the database.
    pub(crate) async fn close(&self) {
        self.hub.close();
        self.store.close().await;
    }
}

impl fmt::Debug for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Persistence").field("hub", &self.hub).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
