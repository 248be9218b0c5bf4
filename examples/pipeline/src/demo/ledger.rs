//! What stands in the database after a run.

use std::time::Duration;

use anyhow::Context as _;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};

use super::services::PATIENCE;

/// The events of one command in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    /// Rows.
    pub(super) stored: u64,
    /// The highest number of a row: with none missing, the same.
    pub(super) last: u64,
}

/// Waits until so many events of a command are stored, for at most [`PATIENCE`]: who is short of some
/// then says so.
///
/// # Errors
/// If the database cannot be read.
pub(super) async fn wait_for(events: u64, database: &str, command_id: &str) -> anyhow::Result<()> {
    let waiting = async {
        while count(database, command_id).await?.stored < events {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(Ok(()))
}

/// Counts what is stored of a command.
///
/// # Errors
/// If the database cannot be read.
pub(super) async fn count(database: &str, command_id: &str) -> anyhow::Result<Ledger> {
    let options: SqliteConnectOptions = database.parse().context("the database URL")?;
    let mut connection =
        options.read_only(true).connect().await.context("the database cannot be read")?;
    let row = sqlx::query(
        "SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM generation_events WHERE command_id = ?",
    )
    .bind(command_id)
    .fetch_one(&mut connection)
    .await
    .context("the events cannot be counted")?;
    let (stored, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    connection.close().await.context("the database cannot be closed")?;
    Ok(Ledger { stored: stored.unsigned_abs(), last: last.unsigned_abs() })
}

/// A database tells nobody that a row has come.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
