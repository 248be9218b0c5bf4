//! Finds the examples of a package.

use std::fs;
use std::io;
use std::path::Path;

/// Stands in the docs of an example that serves until someone stops it.
pub(crate) const ENDLESS: &str = "//! Runs until it is stopped.";

/// A file `<name>.rs`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) name: String,
    /// False if its docs hold the line [`ENDLESS`].
    pub(crate) ends: bool,
}

/// The examples in `folder`, by name. Folders in it are packages of their own and not looked at.
///
/// # Errors
/// If the folder or a file in it cannot be read.
pub(crate) fn find(folder: &Path) -> io::Result<Vec<Example>> {
    let mut examples = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "rs") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            examples.push(Example { name, ends: ends(&fs::read_to_string(&path)?) });
        }
    }
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(examples)
}

fn ends(source: &str) -> bool {
    !source.lines().any(|line| line.trim_end() == ENDLESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_ends_unless_its_docs_say_otherwise() {
        assert!(ends("//! Sends one request.\nfn main() {}\n"));
        assert!(!ends("//! Serves.\n//!\n//! Runs until it is stopped.\nfn main() {}\n"));
        assert!(ends("// Mentions `//! Runs until it is stopped.` in passing.\n"));
    }

    #[test]
    fn files_are_found_and_folders_are_not() {
        // The sources of this program serve as a folder of examples.
        let found = find(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))).unwrap();
        let names: Vec<_> = found.iter().map(|e| e.name.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(names.contains(&"examples"), "{names:?}");
        let above = find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(above, []);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert!(find(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/none"))).is_err());
    }
}
