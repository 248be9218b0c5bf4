//! The files of this repository.

use std::fs;
use std::io;
use std::path::Path;

use crate::tokens::{Token, items_of_tests, tokens};

/// A file of the repository.
pub(crate) struct Source {
    /// From the top of the repository, with `/` on every system.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let tokens = if path.ends_with(".rs") { tokens(text) } else { Vec::new() };
        Self { path: path.to_owned(), text: text.to_owned(), tokens }
    }

    pub(crate) fn at(&self, line: usize, text: &str) -> String {
        format!("{}:{line}: {text}", self.path)
    }

    /// The module that a file of the library holds; none for a file of another crate.
    pub(crate) fn module(&self) -> Option<Vec<String>> {
        let path = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let mut module: Vec<_> = path.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib") {
            module.pop();
        }
        Some(module)
    }

    /// The tokens outside of tests.
    pub(crate) fn library_tokens(&self) -> Vec<Token> {
        // `mod tests;` needs its #[cfg(test)] by another rule.
        if self.path.ends_with("/tests.rs") || self.path.contains("/tests/") {
            return Vec::new();
        }
        let mut kept = Vec::new();
        let mut from = 0;
        for item in items_of_tests(&self.tokens) {
            kept.extend_from_slice(&self.tokens[from..item.start]);
            from = item.end;
        }
        kept.extend_from_slice(&self.tokens[from..]);
        kept
    }
}

/// Every text file that belongs to the repository; generated ones do not.
pub(crate) fn repository() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    if let Err(error) = read(root, "", &mut files) {
        panic!("the repository could not be read: {error}");
    }
    files
}

/// Reads the files of a folder, whose own path from the top is `prefix`.
fn read(folder: &Path, prefix: &str, files: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let own = format!("{prefix}{name}");
        // Build folders mark themselves, wherever somebody has put them.
        let generated = path.join("CACHEDIR.TAG").exists();
        if generated || path.is_symlink() || matches!(&*name, ".git" | "node_modules" | "target") {
            continue;
        } else if path.is_dir() {
            read(&path, &format!("{own}/"), files)?;
        } else if !name.ends_with(".lock") {
            // What is no UTF-8 is no text.
            if let Ok(text) = String::from_utf8(fs::read(&path)?) {
                files.push(Source::new(&own, &text));
            }
        }
    }
    Ok(())
}

pub(crate) fn rust() -> Vec<Source> {
    let files: Vec<_> = repository().into_iter().filter(|f| f.path.ends_with(".rs")).collect();
    assert!(files.iter().any(|file| file.path == "tests/architecture.rs"));
    files
}

pub(crate) fn library() -> Vec<Source> {
    let files: Vec<_> = rust().into_iter().filter(|f| f.path.starts_with("src/")).collect();
    assert!(files.iter().any(|file| file.path == "src/lib.rs"));
    files
}

pub(crate) fn top_modules(sources: &[Source]) -> Vec<String> {
    let mut top: Vec<_> =
        sources.iter().filter_map(|file| file.module()?.into_iter().next()).collect();
    top.sort();
    top.dedup();
    top
}
