//! Other revisions of this repository, by git.

use std::fs;
use std::path::{Path, PathBuf};

use super::counts::{self, Counts};
use crate::command::{Cargo, StepError};
use crate::folders;

/// The revision that the working tree is a change of: where it has left `main`, or on `main` the
/// commit before. Nothing in a clone that has none.
pub(crate) fn earlier(root: &Path) -> Option<String> {
    let head = ask(root, &["rev-parse", "HEAD"])?;
    let left = ["main", "origin/main"]
        .into_iter()
        .find_map(|main| ask(root, &["merge-base", "HEAD", main]))?;
    if left == head { ask(root, &["rev-parse", "--verify", "HEAD^"]) } else { Some(left) }
}

/// The newest tag of a version among the ancestors.
pub(crate) fn last_version(root: &Path) -> Option<String> {
    ask(root, &["describe", "--tags", "--abbrev=0", "--match=v[0-9]*"])
}

/// The counts that are committed there.
///
/// # Errors
/// If there is no such revision, or its file cannot be read.
pub(super) fn counts(root: &Path, revision: &str) -> Result<Option<Counts>, StepError> {
    if ask(root, &["rev-parse", "--verify", &format!("{revision}^{{commit}}")]).is_none() {
        return Err(StepError::Rule(format!("git knows no revision `{revision}`")));
    }
    let text = ask(root, &["show", &format!("{revision}:{}", counts::PATH)]);
    text.map(|text| Counts::parse(&text)).transpose()
}

fn ask(root: &Path, arguments: &[&str]) -> Option<String> {
    let answer = Cargo::other(root, Path::new("git"), arguments).answer()?;
    Some(answer.trim_end().to_owned())
}

/// A revision in a folder of its own, until it is dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    root: PathBuf,
    pub(super) folder: PathBuf,
}

impl Scratch {
    /// # Errors
    /// If git cannot check the revision out.
    pub(super) fn new(root: &Path, revision: &str) -> Result<Self, StepError> {
        // Always the same folder, so that cargo builds what it has not built there before.
        let scratch =
            Self { root: root.to_path_buf(), folder: folders::target(root).join("bench/scratch") };
        scratch.remove();
        // What git no longer knows of is in the way all the same.
        let _ = fs::remove_dir_all(&scratch.folder);
        let folder = scratch.folder.to_string_lossy();
        scratch
            .git(&["worktree", "add", "--quiet", "--force", "--detach", &folder, revision])
            .run()?;
        Ok(scratch)
    }

    /// Replaces a text in one of its files.
    ///
    /// # Errors
    /// If the file does not hold it exactly once.
    pub(super) fn replace(&self, path: &str, from: &str, to: &str) -> Result<(), StepError> {
        let file = self.folder.join(path);
        let failed = |error: &dyn std::fmt::Display| StepError::Rule(format!("{path}: {error}"));
        let text = fs::read_to_string(&file).map_err(|error| failed(&error))?;
        if text.matches(from).count() != 1 {
            return Err(failed(&format!("`{from}` does not stand there once")));
        }
        fs::write(&file, text.replace(from, to)).map_err(|error| failed(&error))
    }

    fn git(&self, arguments: &[&str]) -> Cargo {
        Cargo::other(&self.root, Path::new("git"), arguments)
    }

    /// Does nothing if it is not there.
    fn remove(&self) {
        let folder = self.folder.to_string_lossy();
        self.git(&["worktree", "remove", "--force", &folder]).succeeds();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository with two commits on `main` and one on a branch that left it at the first.
    struct Repository(PathBuf);

    impl Repository {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(folder.join("benches")).unwrap();
            let repository = Self(folder);
            repository.git(&["init", "--quiet", "--initial-branch=main"]);
            repository.commit("first", "machine");
            repository.git(&["checkout", "--quiet", "-b", "branch"]);
            repository.commit("on the branch", "no counts");
            repository.git(&["checkout", "--quiet", "main"]);
            repository.commit("second", "machine");
            repository
        }

        fn commit(&self, message: &str, table: &str) {
            let values = "rustc = \"\"\nlibc = \"\"\nvalgrind = \"\"\nprocessor = \"\"\n";
            let text = format!("[{table}]\n{values}reason = \"{message}\"\n");
            fs::write(self.0.join(counts::PATH), text).unwrap();
            self.git(&["add", "."]);
            let who = ["-c", "user.name=x", "-c", "user.email=x@example.com"];
            self.git(&[&who[..], &["commit", "--quiet", "--no-verify", "-m", message]].concat());
        }

        fn git(&self, arguments: &[&str]) -> String {
            ask(&self.0, arguments).unwrap_or_else(|| panic!("git {arguments:?}"))
        }
    }

    impl Drop for Repository {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_branch_is_compared_with_where_it_left_main_and_main_with_its_last_commit() {
        let repository = Repository::new("earlier");
        let first = repository.git(&["rev-parse", "main^"]);
        assert_eq!(earlier(&repository.0).as_ref(), Some(&first));
        repository.git(&["checkout", "--quiet", "branch"]);
        assert_eq!(earlier(&repository.0), Some(first));
        repository.git(&["branch", "--quiet", "-D", "main"]);
        assert_eq!(earlier(&repository.0), None);
        assert_eq!(earlier(&std::env::temp_dir()), None, "no repository");
    }

    #[test]
    fn a_version_is_the_last_tag_that_looks_like_one() {
        let repository = Repository::new("version");
        assert_eq!(last_version(&repository.0), None);
        repository.git(&["tag", "v0.1.0", "main^"]);
        repository.git(&["tag", "before-lunch", "main"]);
        assert_eq!(last_version(&repository.0).as_deref(), Some("v0.1.0"));
    }

    #[test]
    fn counts_of_a_revision_are_read_and_a_wrong_name_is_an_error() {
        let repository = Repository::new("counts");
        let reason = |revision| counts(&repository.0, revision).unwrap().unwrap().machine.reason;
        assert_eq!([reason("main"), reason("main^")], ["second", "first"]);
        let error = |revision| counts(&repository.0, revision).unwrap_err().to_string();
        assert!(error("branch").starts_with(counts::PATH), "{}", error("branch"));
        assert!(error("no-such").contains("`no-such`"), "{}", error("no-such"));
        repository.git(&["rm", "--quiet", counts::PATH]);
        repository.git(&[
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.com",
            "commit",
            "--quiet",
            "-m",
            "x",
        ]);
        assert_eq!(counts(&repository.0, "main").unwrap(), None);
    }
}
