//! What the counts depend on beside the sources.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::command::Cargo;

/// Where benches are counted. Two that are equal count the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    rustc: String,
    /// Its allocator, and its ways to copy and search.
    libc: String,
    valgrind: String,
    /// What valgrind passes on of it, since memchr and libc choose their code by that.
    processor: String,
}

impl Machine {
    /// This one. What cannot be asked for is `?`, which is as good as another machine.
    pub(crate) fn here(root: &Path) -> Self {
        let answer = |program: &str, arguments: &[&str]| {
            let answer = Cargo::other(root, Path::new(program), arguments).answer();
            answer.map_or_else(|| "?".to_owned(), |text| text.trim().to_owned())
        };
        let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            rustc: answer("rustc", &["--version"]),
            libc: answer("getconf", &["GNU_LIBC_VERSION"]),
            valgrind: answer("valgrind", &["--version"]),
            processor: format!("{}{}", std::env::consts::ARCH, vectors(&flags)),
        }
    }

    /// In what the other one differs: one sentence part each.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let parts = [
            (&self.rustc, &other.rustc),
            (&self.libc, &other.libc),
            (&self.valgrind, &other.valgrind),
            (&self.processor, &other.processor),
        ];
        let differing = parts.into_iter().filter(|(own, others)| own != others);
        differing.map(|(own, others)| format!("{own} instead of {others}")).collect()
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rustc, libc, valgrind, processor } = self;
        write!(f, "{rustc}, {valgrind}, {libc}, {processor}")
    }
}

/// The largest vectors that valgrind knows too: it shows its programs one of three processors.
fn vectors(cpuinfo: &str) -> &'static str {
    let has = |flag: &str| cpuinfo.split_whitespace().any(|word| word == flag);
    match () {
        () if has("avx2") => ", avx2",
        () if has("avx") => ", avx",
        () => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_differs_from_itself_in_nothing_and_from_another_by_name() {
        let here = Machine::here(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(here.rustc.starts_with("rustc "), "{here:?}");
        assert_eq!(here.differences(&here), [""; 0]);
        let other = Machine { rustc: "rustc 1.0.0".to_owned(), ..here.clone() };
        let differences = here.differences(&other);
        assert_eq!(differences.len(), 1);
        assert!(differences[0].ends_with(" instead of rustc 1.0.0"), "{differences:?}");
    }

    #[test]
    fn a_processor_is_known_by_its_vectors() {
        assert_eq!(vectors("flags : fpu avx avx2 avx512f\n"), ", avx2");
        assert_eq!(vectors("flags : fpu avx bmi1\n"), ", avx");
        assert_eq!(vectors("Features : fp asimd\n"), "");
    }
}
