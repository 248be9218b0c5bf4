//! What other layers make of a bad day: the program that asks them is run, and its page kept.

use std::fs;
use std::path::Path;

use crate::command::{Cargo, StepError};

/// The package that has the layers; it fails if this library gives a wrong answer.
pub(crate) const LAYERS: &str = "benches/peers/layers/Cargo.toml";

const PAGE: &str = "docs/peers-scenarios.md";

/// Asks everybody and prints the page.
///
/// # Errors
/// If a layer cannot be asked, this library gives a wrong answer, or the page says otherwise.
pub(crate) fn run(root: &Path, write_docs: bool) -> Result<(), StepError> {
    let page = Cargo::new(root, &["run", "--manifest-path", LAYERS]).output()?;
    println!("\n{page}");
    let path = root.join(PAGE);
    if write_docs {
        let unwritten = |error| StepError::Rule(format!("{PAGE}: {error}"));
        fs::write(&path, &page).map_err(unwritten)?;
    }
    let objection = objection(&page, fs::read_to_string(&path).ok().as_deref());
    objection.map_or(Ok(()), |objection| Err(StepError::Rule(objection)))
}

fn objection(page: &str, written: Option<&str>) -> Option<String> {
    (written != Some(page)).then(|| {
        format!(
            "{PAGE} says otherwise; `cargo xtask peers --scenarios --write-docs` writes it anew"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_says_otherwise_is_objected_to() {
        assert_eq!(objection("page", Some("page")), None);
        for written in [None, Some("another")] {
            let objection = objection("page", written).unwrap();
            assert!(objection.contains("--write-docs"), "{objection}");
        }
    }
}
