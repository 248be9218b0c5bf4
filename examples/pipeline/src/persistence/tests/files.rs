use opentelemetry::trace::noop::NoopTracer;

use super::*;

async fn error_of(url: &str) -> OpenError {
    let tracer = BoxedTracer::new(Box::new(NoopTracer::new()));
    let instruments = Instruments::new(tracer, &SdkMeterProvider::default().meter("persistence"));
    Persistence::open(url, instruments).await.expect_err("refused")
}

#[tokio::test]
async fn events_survive_the_process() {
    let bed = Bed::new().await;
    bed.stream(1, &text("t", "kept")).await;
    bed.persistence.close().await;
    let again = open(&bed.folder, &bed.spans, &SdkMeterProvider::default()).await.expect("open");
    let bed = Bed { persistence: Arc::new(again), ..bed };
    assert_eq!(bed.stream(1, &text("t", "kept")).await, Outcome::Duplicate);
    assert_eq!(bed.stream(2, &text("t", "!")).await, Outcome::Stored);
    assert_eq!(bed.value("SELECT output FROM generation_tool_calls").await, "kept!");
}

#[tokio::test]
async fn commits_are_synced_to_disk() {
    let bed = Bed::new().await;
    let mut writer = bed.persistence.store.writer().await.expect("writer");
    let synchronous: i64 =
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *writer).await.expect("number");
    let journal: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *writer).await.expect("text");
    let foreign_keys: i64 =
        sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut *writer).await.expect("number");
    assert_eq!((synchronous, journal.as_str(), foreign_keys), (2, "wal", 1));
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_readable_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let bed = Bed::new().await;
    bed.stream(1, &input("t")).await;
    let files: Vec<_> = std::fs::read_dir(bed.folder.path()).expect("folder").collect();
    assert!(files.len() >= 2, "the log stands beside the database");
    for file in files {
        let file = file.expect("file");
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test]
async fn other_databases_are_refused_and_what_is_supported_is_named() {
    for url in ["postgres://user:hidden@host/db", "mysql://host", "builds.sqlite", ""] {
        let error = error_of(url).await;
        assert!(matches!(error, OpenError::Unsupported), "{url}");
        assert!(error.to_string().contains("sqlite:<path>"));
        assert!(!error.to_string().contains("hidden"));
    }
}

#[tokio::test]
async fn a_database_that_is_no_file_to_write_is_refused() {
    for url in [
        "sqlite:",
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite:x?mode=memory",
        "sqlite:x?mode=ro",
    ] {
        assert!(matches!(error_of(url).await, OpenError::NotDurable), "{url}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_created_or_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().expect("folder");
    let missing = format!("sqlite:{}/missing/x.sqlite", folder.path().display());
    assert!(matches!(error_of(&missing).await, OpenError::File(_)));
    std::fs::write(folder.path().join("builds.sqlite"), "no database".repeat(100)).expect("file");
    assert!(matches!(error_of(&url(&folder)).await, OpenError::Connect(_)));
}
