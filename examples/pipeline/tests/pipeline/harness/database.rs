//! The rows that a run has left behind.

use std::path::PathBuf;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

/// The database of one test.
pub(crate) struct Database {
    file: PathBuf,
}

impl Database {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.file.display())
    }

    /// The first column of a query, as text.
    pub(crate) async fn rows(&self, query: &'static str) -> Vec<String> {
        let options = SqliteConnectOptions::new().filename(&self.file).read_only(true);
        let mut connection = options.connect().await.unwrap();
        let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Executes a statement, as an operator does with a tool of SQLite's.
    pub(crate) async fn execute(&self, statement: &'static str) {
        let mut connection = self.connect().await;
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Lets nobody write until the lock is closed.
    pub(crate) async fn lock(&self) -> SqliteConnection {
        let mut connection = self.connect().await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
        connection
    }

    async fn connect(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(&self.file).connect().await.unwrap()
    }

    /// The numbers of the events, in order.
    pub(crate) async fn numbers(&self) -> Vec<u64> {
        let rows = self.rows("SELECT CAST(seq AS TEXT) FROM generation_events ORDER BY seq").await;
        rows.iter().map(|seq| seq.parse().unwrap()).collect()
    }

    /// What the command has written, as the database has it.
    pub(crate) async fn output(&self) -> String {
        self.rows("SELECT output FROM generation_tool_calls").await.concat()
    }
}
