//! The committed counts, `benches/counts.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use crate::command::StepError;

/// From the top of the repository.
pub(super) const PATH: &str = "benches/counts.toml";

/// What the benches cost, each with the reason why it is not what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    pub(super) machine: Recorded,
    /// By name.
    #[serde(default)]
    pub(super) bench: BTreeMap<String, Entry>,
}

/// Where the counts come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recorded {
    #[serde(flatten)]
    pub(super) on: Machine,
    pub(super) reason: String,
}

/// What a bench costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    #[serde(flatten)]
    pub(super) cost: Cost,
    /// Why the other lines are as they are.
    pub(super) reason: String,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
    /// Instructions above which the bench fails, as its source says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) budget: Option<u64>,
}

impl Counts {
    /// Nothing, if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, StepError> {
        let path = root.join(PATH);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)
            .map_err(|error| StepError::Rule(format!("{PATH}: {error}")))?;
        Self::parse(&text).map(Some)
    }

    /// # Errors
    /// If the text is not that of such a file.
    pub(super) fn parse(text: &str) -> Result<Self, StepError> {
        toml::from_str(text).map_err(|error| StepError::Rule(format!("{PATH}: {error}")))
    }

    /// # Errors
    /// If the file cannot be written.
    pub(super) fn write(&self, root: &Path) -> Result<(), StepError> {
        let unwritten = |error: &dyn std::fmt::Display| StepError::Rule(format!("{PATH}: {error}"));
        let text = toml::to_string(self).map_err(|error| unwritten(&error))?;
        fs::write(root.join(PATH), format!("{HEAD}{text}")).map_err(|error| unwritten(&error))
    }
}

const HEAD: &str = "\
# What the benches cost, in instructions and allocations. Written by `cargo xtask bench --write \"reason\"`;
# README.md beside this file says what is compared with it.

";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = std::env::temp_dir().join(format!("xtask-counts-{}", std::process::id()));
        fs::create_dir_all(folder.join("benches")).unwrap();
        assert_eq!(Counts::read(&folder).unwrap(), None);

        let mut counts = Counts::default();
        counts.machine.reason = "It is \"new\"".to_owned();
        for (name, budget) in
            [("wire::parse.valid", Some(350)), ("server::bare_service.nothing", None)]
        {
            let cost = Cost { instructions: 331, allocations: 0, budget };
            counts.bench.insert(name.to_owned(), Entry { cost, reason: "First".to_owned() });
        }
        counts.write(&folder).unwrap();
        assert_eq!(Counts::read(&folder).unwrap(), Some(counts));
        let text = fs::read_to_string(folder.join(PATH)).unwrap();
        assert!(text.contains("\n[bench.\"wire::parse.valid\"]\ninstructions = 331\n"), "{text}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let machine = "[machine]\nrustc = \"\"\nlibc = \"\"\nvalgrind = \"\"\nprocessor = \"\"\nreason = \"\"\n";
        assert!(Counts::parse(machine).is_ok());
        for text in [
            "",
            "[bench]",
            &format!("{machine}[bench.x]\ninstructions = 1\nallocations = 1\n"),
            &format!("{machine}[bench.x]\ninstructions = -1\nallocations = 1\nreason = \"\"\n"),
            &format!(
                "{machine}[bench.x]\ninstructions = 1\nallocations = 1\nreason = \"\"\nbudgte = 1\n"
            ),
            &format!("{machine}[benches]"),
        ] {
            let error = Counts::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(PATH), "{error}");
        }
    }

    #[test]
    fn every_committed_count_has_its_reason() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let counts = Counts::read(root).unwrap().unwrap();
        assert!(!counts.bench.is_empty());
        assert!(counts.bench.values().all(|entry| !entry.reason.is_empty()));
    }
}
