//! The SQLite file: one connection that writes, two that read.

use std::fs::OpenOptions;
use std::path::Path;
use std::str::FromStr;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Sqlite};

use super::OpenError;
use crate::limits::DATABASE_TIMEOUT;

/// The open database.
pub(super) struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Store {
    pub(super) async fn open(url: &str) -> Result<Self, OpenError> {
        let options = options(url)?;
        create_private(options.get_filename()).map_err(OpenError::File)?;
        // SQLite has one writer at a time. Waiting in a queue of ours is fair and needs no
        // polling, and whoever holds the connection also broadcasts in the order of the commits.
        let writer = pool(1).connect_with(options.clone()).await.map_err(OpenError::Connect)?;
        sqlx::migrate!("./migrations").run(&writer).await.map_err(OpenError::Migrate)?;
        let reader =
            pool(2).connect_with(options.read_only(true)).await.map_err(OpenError::Connect)?;
        Ok(Self { writer, reader })
    }

    /// The connection that writes, once it is free.
    pub(super) async fn writer(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        self.writer.acquire().await
    }

    /// Connections for reading; in WAL mode they neither wait for the writer nor hold it up.
    pub(super) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Asks both pools for an answer. No span: a probe every second would bury the traces.
    pub(super) async fn probe(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1 FROM generation_sessions LIMIT 1").execute(&self.reader).await?;
        if self.writer.is_closed() { Err(sqlx::Error::PoolClosed) } else { Ok(()) }
    }

    pub(super) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

fn options(url: &str) -> Result<SqliteConnectOptions, OpenError> {
    if !url.starts_with("sqlite:") {
        return Err(OpenError::Unsupported);
    }
    let options = SqliteConnectOptions::from_str(url).map_err(OpenError::Url)?;
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let (path, parameters) = path.split_once('?').unwrap_or((path, ""));
    let modes = ["mode=memory", "mode=ro", "immutable="];
    if path.is_empty() || path == ":memory:" || modes.iter().any(|mode| parameters.contains(mode)) {
        return Err(OpenError::NotDurable);
    }
    Ok(options
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode the default does not sync a commit, and an acknowledgement means durable.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(DATABASE_TIMEOUT)
        // Statements have spans; the driver's own log lines would repeat them.
        .disable_statement_logging())
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(DATABASE_TIMEOUT)
        .test_before_acquire(false)
        // A file does not go stale; by default connections would be replaced every half hour.
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Creates the file before SQLite does, readable for its owner only: it holds the output of
/// builds. The files that SQLite puts beside it take over the mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
