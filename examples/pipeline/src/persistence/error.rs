//! What can go wrong with the database.

/// Why the database could not be opened. The text never repeats the URL: it can hold a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The URL names another database.
    #[error("this version stores events in SQLite only: give the database as sqlite:<path>")]
    Unsupported,
    /// The URL names a database without a file.
    #[error(
        "the database must be a file that can be written (sqlite:<path>): \
         an acknowledged event has to outlive the process"
    )]
    NotDurable,
    /// The URL cannot be read.
    #[error("the database URL cannot be read: expected sqlite:<path>")]
    Url(#[source] sqlx::Error),
    /// The file cannot be created or opened.
    #[error("the database file cannot be opened")]
    File(#[source] std::io::Error),
    /// The database refused the connection.
    #[error("the database cannot be opened")]
    Connect(#[source] sqlx::Error),
    /// The tables cannot be brought up to date, for example since a newer version made them.
    #[error("the tables of the database cannot be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

/// Why an event was not stored. Nothing of it is in the database then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PersistError {
    /// The database failed; the same event can be sent again.
    #[error("the database failed at {statement}")]
    Database {
        /// What was executed, as its span is named.
        statement: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// The event names a session that belongs to another command; sending it again cannot help.
    #[error("the session of the event belongs to another command")]
    SessionConflict,
}

impl PersistError {
    /// The name that answers, counters and `error.type` use.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Database { .. } if self.is_retryable() => "unavailable",
            Self::Database { .. } => "not_storable",
            Self::SessionConflict => "session_conflict",
        }
    }

    /// Whether sending the same event again can succeed.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Database { source: sqlx::Error::Database(error), .. } => {
                // The low byte of SQLite's code: too big, constraint, mismatch, out of range.
                let code = error.code().and_then(|code| code.parse::<u32>().ok());
                !matches!(code.map(|code| code & 0xff), Some(18 | 19 | 20 | 25))
            }
            Self::Database { source, .. } => matches!(
                source,
                sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            ),
            Self::SessionConflict => false,
        }
    }
}
