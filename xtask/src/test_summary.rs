//! Counts tests by reading what `cargo test` and `node --test` print.

/// The tests of all test binaries of a run, and those of Node.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestSummary {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// How many tests the binaries said they would run.
    announced: u64,
    /// How many tests the binaries gave account of, ignored ones included.
    reported: u64,
    ignored: u64,
    ignored_names: Vec<String>,
}

impl TestSummary {
    /// Takes in one line of stdout, without its line end.
    pub(crate) fn see(&mut self, line: &str) {
        let line = without_colors(line);
        if let Some(result) = line.strip_prefix("test result: ") {
            let count = |what| count(result, what).unwrap_or(0);
            let (passed, failed, ignored) = (count("passed"), count("failed"), count("ignored"));
            self.passed += passed;
            self.failed += failed;
            self.ignored += ignored;
            self.reported += passed + failed + ignored + count("measured");
        } else if let Some((name, outcome)) = outcome(&line) {
            // The reason of `#[ignore = "reason"]` follows after a comma.
            if outcome == "ignored" || outcome.starts_with("ignored, ") {
                self.ignored_names.push(name.to_owned());
            }
        } else if let Some(number) = announcement(&line) {
            self.announced += number;
        } else if let Some((what, number)) = sum_of_node(&line) {
            self.add(what, number);
        } else if let Some(name) = line.trim_start().strip_prefix(SKIPPED_BY_NODE) {
            self.ignored_names.push(name.to_owned());
        }
    }

    fn add(&mut self, what: &str, number: u64) {
        let sum = match what {
            "tests" => return self.announced += number,
            "pass" => &mut self.passed,
            "fail" | "cancelled" => &mut self.failed,
            "skipped" | "todo" => &mut self.ignored,
            _ => return,
        };
        *sum += number;
        self.reported += number;
    }

    /// What is wrong with a run whose command succeeded, as one sentence.
    pub(crate) fn objection(&self) -> Option<String> {
        if self.ignored > 0 || !self.ignored_names.is_empty() {
            return Some(format!(
                "nothing skips in silence, but {} ignored: {}",
                if self.ignored == 1 {
                    "1 test is".into()
                } else {
                    format!("{} tests are", self.ignored)
                },
                self.ignored_names.join(", "),
            ));
        }
        if self.reported != self.announced {
            return Some(format!(
                "{} tests were announced, but {} gave a result",
                self.announced, self.reported
            ));
        }
        (self.passed + self.failed == 0).then(|| "no test ran".to_owned())
    }

    /// The line that ends `cargo xtask test`.
    pub(crate) fn last_line(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }
}

/// The number before `what` in `ok. 3 passed; 0 failed; …`.
fn count(result: &str, what: &str) -> Option<u64> {
    result.split([';', '.']).find_map(|part| {
        let (number, name) = part.trim().split_once(' ')?;
        if name == what { number.parse().ok() } else { None }
    })
}

/// The name and what follows it in `test name ... ok`.
fn outcome(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("test ")?.rsplit_once(" ... ")
}

/// The number in `running 3 tests`.
fn announcement(line: &str) -> Option<u64> {
    let (number, tests) = line.strip_prefix("running ")?.split_once(' ')?;
    if matches!(tests, "test" | "tests") { number.parse().ok() } else { None }
}

/// The name and the number in `ℹ pass 3`, which stands at the end of Node's report `spec`.
fn sum_of_node(line: &str) -> Option<(&str, u64)> {
    let (what, number) = line.strip_prefix("\u{2139} ")?.split_once(' ')?;
    Some((what, number.parse().ok()?))
}

/// Before the name of a test.
const SKIPPED_BY_NODE: &str = "\u{fe63} ";

/// The line without `ESC [ … m`, which appears here if colors are forced by CARGO_TERM_COLOR.
fn without_colors(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once('m').map_or(part, |(_, after)| after));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(output: &str) -> TestSummary {
        let mut summary = TestSummary::default();
        output.lines().for_each(|line| summary.see(line));
        summary
    }

    #[test]
    fn binaries_are_added_up() {
        let summary = summary(
            "\nrunning 2 tests\ntest a ... ok\ntest b::c ... ok\n\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
             running 0 tests\n\n\
             test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
             running 1 test\ntest src/lib.rs - (line 3) - compile ... ok\n\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s\n",
        );
        assert_eq!(summary.last_line(), "3 passed, 0 failed");
        assert_eq!(summary.objection(), None);
    }

    #[test]
    fn failed_tests_are_counted_beside_those_that_passed() {
        let summary = summary(
            "running 3 tests\ntest a ... ok\ntest b ... FAILED\ntest c ... ok\n\
             test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.20s\n",
        );
        assert_eq!(summary.last_line(), "2 passed, 1 failed");
        assert_eq!(summary.objection(), None);
    }

    #[test]
    fn ignored_tests_are_objected_to_by_name() {
        let objection = summary(
            "running 4 tests\ntest slow ... ignored\ntest later ... ignored, waits for a peer\n\
             test src/lib.rs - Layer (line 9) ... ignored\ntest a ... ok\n\
             test result: ok. 1 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        )
        .objection();
        assert_eq!(
            objection.as_deref(),
            Some(
                "nothing skips in silence, but 3 tests are ignored: \
                 slow, later, src/lib.rs - Layer (line 9)"
            )
        );
    }

    #[test]
    fn doc_tests_that_only_compile_are_not_ignored() {
        let summary = summary(
            "running 2 tests\ntest src/lib.rs - (line 3) - compile ... ok\n\
             test src/lib.rs - B (line 7) - compile fail ... ok\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(summary.objection(), None);
    }

    #[test]
    fn a_run_without_tests_is_objected_to() {
        assert_eq!(summary("").objection().as_deref(), Some("no test ran"));
    }

    #[test]
    fn a_binary_that_dies_before_its_result_is_objected_to() {
        let summary = summary(
            "running 2 tests\ntest a ... ok\nrunning 1 test\ntest b ... ok\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(
            summary.objection().as_deref(),
            Some("3 tests were announced, but 1 gave a result")
        );
    }

    #[test]
    fn tests_of_node_are_added() {
        let summary = summary(
            "running 1 test\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             \u{25b6} messages\n  \u{2714} a text (0.5ms)\n  \u{2716} a frame (0.5ms)\n\
             \u{2139} tests 4\n\u{2139} suites 1\n\u{2139} pass 2\n\u{2139} fail 1\n\u{2139} cancelled 1\n\
             \u{2139} skipped 0\n\u{2139} todo 0\n\u{2139} duration_ms 12.5\n",
        );
        assert_eq!(summary.last_line(), "3 passed, 2 failed");
        assert_eq!(summary.objection(), None);
    }

    #[test]
    fn tests_that_node_skips_are_objected_to_by_name() {
        let objection = summary(
            "  \u{fe63} a frame (0.5ms) # SKIP\n\u{2139} tests 2\n\u{2139} pass 1\n\u{2139} fail 0\n\
             \u{2139} cancelled 0\n\u{2139} skipped 1\n\u{2139} todo 0\n",
        )
        .objection();
        assert_eq!(
            objection.as_deref(),
            Some("nothing skips in silence, but 1 test is ignored: a frame (0.5ms) # SKIP")
        );
    }

    #[test]
    fn colors_do_not_hide_a_result() {
        let summary = summary(
            "running 1 test\n\
             test result: \u{1b}[32mok\u{1b}[0m. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(summary.last_line(), "1 passed, 0 failed");
    }

    #[test]
    fn lines_that_only_resemble_results_count_nothing() {
        let summary = summary(
            "  test result: ok. 9 passed; 0 failed; 0 ignored\nrunning 5 laps\ntesting testing\n\
             test a ... ignored by nobody\n",
        );
        assert_eq!(summary, TestSummary::default());
    }
}
