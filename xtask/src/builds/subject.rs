//! Who is depended on, and with which features.

use std::fs;
use std::path::Path;

use conformance::version_in;

use crate::command::StepError;

/// A dependency, as somebody writes it into a manifest.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// As the page calls it, without its version.
    pub(super) name: &'static str,
    /// Whose version stands behind the name. None for this library.
    package: &'static str,
    /// Lines of `[dependencies]`.
    pub(super) dependencies: String,
    /// The lock file that pins the rest, from the top of the repository.
    pub(super) lock: &'static str,
    /// The subject of ours that does the same work.
    pub(super) beside: &'static str,
}

/// What all sets of ours are compared with.
pub(super) const HTTP: &str = "`http`";

/// This library with the features that its README names, then the others.
///
/// # Errors
/// If the features of this library cannot be read.
pub(super) fn subjects(root: &Path) -> Result<Vec<Subject>, StepError> {
    let mut subjects = Vec::new();
    for (name, features) in OURS {
        subjects.push(ours(root, name, features));
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let all = features(&manifest)
        .ok_or_else(|| StepError::Rule("Cargo.toml names no features".to_owned()))?;
    subjects.push(ours(root, "all", &all.iter().map(String::as_str).collect::<Vec<_>>()));
    subjects.extend(PEERS.iter().map(Peer::subject));
    Ok(subjects)
}

/// What each of ours is for stands in README's table.
const OURS: [(&str, &[&str]); 8] = [
    ("none", &[]),
    (HTTP, &["http"]),
    ("`axum`", &["axum"]),
    ("`axum`, `tracing`", &["axum", "tracing"]),
    ("`websocket`", &["websocket"]),
    ("`http`, `websocket` (the default)", &["default"]),
    ("`task`", &["task"]),
    ("`sdk`", &["sdk"]),
];

struct Peer {
    name: &'static str,
    package: &'static str,
    dependencies: &'static str,
    lock: &'static str,
    beside: &'static str,
}

// Any version will do: the lock file has the one that is measured.
const PEERS: [Peer; 7] = [
    Peer {
        name: "tower-otel, `axum`",
        package: "tower-otel",
        dependencies: r#"tower-otel = { version = "*", features = ["axum"] }"#,
        lock: LAYERS,
        beside: "`axum`, `tracing`",
    },
    Peer {
        name: "axum-tracing-opentelemetry",
        package: "axum-tracing-opentelemetry",
        dependencies: r#"axum-tracing-opentelemetry = "*""#,
        lock: LAYERS,
        beside: "`axum`, `tracing`",
    },
    Peer {
        name: "opentelemetry-instrumentation-tower, `axum`",
        package: "opentelemetry-instrumentation-tower",
        dependencies: r#"opentelemetry-instrumentation-tower = { version = "*", features = ["axum"] }"#,
        lock: LAYERS,
        beside: "`axum`",
    },
    Peer {
        name: "sentry-tower, `axum-matched-path`",
        package: "sentry-tower",
        dependencies: r#"sentry-tower = { version = "*", features = ["axum-matched-path"] }"#,
        lock: LAYERS,
        beside: "`axum`",
    },
    Peer {
        name: "fastrace-tower, fastrace's `enable`",
        package: "fastrace-tower",
        dependencies: r#"fastrace-tower = "*"
fastrace = { version = "*", features = ["enable"] }"#,
        lock: LAYERS,
        beside: HTTP,
    },
    Peer {
        name: "opentelemetry, its `-http` and SDK",
        package: "opentelemetry",
        dependencies: r#"opentelemetry = { version = "*", default-features = false, features = ["trace"] }
opentelemetry-http = { version = "*", default-features = false }
opentelemetry_sdk = { version = "*", default-features = false, features = ["trace"] }"#,
        lock: "benches/peers/Cargo.lock",
        beside: "`sdk`",
    },
    Peer {
        name: "datadog-opentelemetry",
        package: "datadog-opentelemetry",
        dependencies: r#"datadog-opentelemetry = "*""#,
        lock: "benches/peers/datadog/Cargo.lock",
        beside: "`sdk`",
    },
];

const LAYERS: &str = "benches/peers/layers/Cargo.lock";

impl Subject {
    pub(super) fn is_ours(&self) -> bool {
        self.package.is_empty()
    }

    /// With the version, where the name has none.
    pub(super) fn head(&self, root: &Path) -> String {
        let lock = fs::read_to_string(root.join(self.lock)).unwrap_or_default();
        match self.name.strip_prefix(self.package) {
            Some(rest) if !self.is_ours() => {
                format!("{} {}{rest}", self.package, version_in(&lock, self.package))
            }
            _ => self.name.to_owned(),
        }
    }
}

impl Peer {
    fn subject(&self) -> Subject {
        let &Self { name, package, dependencies, lock, beside } = self;
        Subject { name, package, dependencies: dependencies.to_owned(), lock, beside }
    }
}

fn ours(root: &Path, name: &'static str, features: &[&str]) -> Subject {
    // A string of TOML is escaped as one of Rust.
    let dependencies = format!(
        "throughline = {{ path = {root:?}, default-features = false, features = {features:?} }}"
    );
    Subject { name, package: "", dependencies, lock: "Cargo.lock", beside: HTTP }
}

fn features(manifest: &str) -> Option<Vec<String>> {
    let manifest: toml::Table = manifest.parse().ok()?;
    Some(manifest.get("features")?.as_table()?.keys().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Vec<Subject> {
        subjects(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).unwrap()
    }

    #[test]
    fn the_dependencies_are_toml_and_the_features_exist() {
        let manifest = include_str!("../../../Cargo.toml");
        let known = features(manifest).unwrap();
        for subject in here() {
            let parsed: toml::Table = subject.dependencies.parse().unwrap();
            let Some(ours) = parsed.get("throughline") else { continue };
            for feature in ours["features"].as_array().unwrap() {
                assert!(known.contains(&feature.as_str().unwrap().to_owned()), "{subject:?}");
            }
        }
        assert_eq!(features("[package]"), None);
    }

    #[test]
    fn everybody_stands_beside_a_set_of_ours_and_has_a_version() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let subjects = here();
        for subject in &subjects {
            let beside = subjects.iter().find(|other| other.name == subject.beside).unwrap();
            assert!(beside.is_ours(), "{subject:?}");
            let versioned = subject.head(root).split([' ', ',']).any(|word| {
                word.split('.').count() == 3 && word.starts_with(|c: char| c.is_ascii_digit())
            });
            assert_eq!(versioned, !subject.is_ours(), "{subject:?}");
        }
    }
}
