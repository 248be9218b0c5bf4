//! What became of a case.

use serde::{Deserialize, Serialize};

/// What a peer made of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// As the peer names itself.
    pub peer: String,
    /// An id such as `TP-3`.
    pub rule: String,
    /// The case's name, or what came in where it has none.
    pub case: String,
    /// How it came out.
    pub outcome: Outcome,
}

/// How a case came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As expected, at least in meaning.
    Right,
    /// Otherwise, with the difference in words.
    Wrong(String),
    /// It is about a header or a function that the peer does not claim.
    NotClaimed,
    /// It is put to nobody, for this reason.
    LeftOut(String),
}

/// The version of a package in a lock file; `?` where it is not in there.
#[must_use]
pub fn version_in<'a>(lock: &'a str, package: &str) -> &'a str {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| **line != *name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.map_or("?", |version| version.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"a\"\nversion = \"2.0.0\"\n";
        assert_eq!(version_in(lock, "a"), "2.0.0");
        assert_eq!(version_in(lock, "b"), "?");
    }
}
