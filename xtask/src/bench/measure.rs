//! Runs the benches and reads their counts.

use std::path::Path;

use super::counts::Cost;
use super::found::Found;
use super::judge::Counted;
use super::summary::Summary;
use crate::command::{Cargo, StepError};
use crate::folders;

/// Counts the instructions and the allocations of the benches whose names begin with `filter`: each
/// runs in callgrind, and again in DHAT.
///
/// # Errors
/// If a bench cannot be built or run, or there is none. One over its budget is no error.
pub(super) fn measure(root: &Path, filter: &str) -> Result<Counted, StepError> {
    let found = Found::find(root)?;
    let chosen = found.arguments(filter);
    if !chosen.iter().any(|argument| argument == "--bench") {
        return Err(StepError::Rule(format!("no bench has a name that begins with `{filter}`")));
    }
    let pattern = pattern(filter);
    let mut arguments = vec!["bench", "--no-fail-fast"];
    arguments.extend(chosen.iter().map(String::as_str));
    arguments.extend(["--", "--output-format=json", "--tools=dhat", "--parallel=auto", &pattern]);
    // A scratch copy takes what is built of the dependencies from here.
    let target = folders::target(&folders::root());
    let run = Cargo::new(root, &arguments).env("CARGO_TARGET_DIR", &target.to_string_lossy());
    let (output, end) = run.output_and_end()?;
    let summaries: Vec<_> = output.lines().filter_map(Summary::read).collect();
    // Who exceeds a limit makes gungraun fail, and is judged like all others.
    if !summaries.iter().any(|summary| summary.exceeds.is_some()) {
        end?;
    }
    counted(&summaries, &found)
}

fn counted(summaries: &[Summary], found: &Found) -> Result<Counted, StepError> {
    let mut counted = Counted::new();
    for summary in summaries {
        let (name, broken) =
            (summary.name(), |what| Err(StepError::Rule(format!("{}: {what}", summary.name()))));
        let Some(allocations) = summary.allocations else {
            return broken("DHAT has counted nothing");
        };
        let budget = found.budgets.get(&name).copied();
        if summary.exceeds.is_some() && summary.exceeds != budget {
            return broken("its source was misread: gungraun knows another budget");
        }
        let cost = Cost { instructions: summary.instructions, allocations, budget };
        if counted.insert(name, cost).is_some() {
            return broken("there are two benches of this name");
        }
    }
    if counted.is_empty() {
        Err(StepError::Rule("no bench has run".to_owned()))
    } else {
        Ok(counted)
    }
}

/// The filter as gungraun's, which compares the whole path `file::group::function::id`.
fn pattern(filter: &str) -> String {
    match filter.split_once("::") {
        Some((file, rest)) => format!("{file}::*::{}*", rest.replace('.', "::")),
        None => format!("{filter}*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(allocations: Option<u64>, exceeds: Option<u64>) -> Summary {
        let [file, group, function, id] = ["wire", "wire", "parse", "valid"].map(str::to_owned);
        Summary { file, group, function, id, instructions: 331, allocations, exceeds }
    }

    fn found(budget: u64) -> Found {
        let mut found = Found::default();
        found.budgets.insert("wire::parse.valid".to_owned(), budget);
        found
    }

    #[test]
    fn a_filter_is_the_beginning_of_a_name() {
        assert_eq!(pattern(""), "*");
        assert_eq!(pattern("wire"), "wire*");
        assert_eq!(pattern("wire::parse"), "wire::*::parse*");
        assert_eq!(pattern("wire::parse.valid"), "wire::*::parse::valid*");
    }

    #[test]
    fn counts_have_the_budgets_of_the_source() {
        let cost = Cost { instructions: 331, allocations: 2, budget: Some(300) };
        let expected = Counted::from([("wire::parse.valid".to_owned(), cost)]);
        assert_eq!(counted(&[summary(Some(2), Some(300))], &found(300)).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_judged_is_an_error() {
        let twice = [summary(Some(2), None), summary(Some(2), None)];
        for (summaries, text) in [
            (&[][..], "no bench has run"),
            (&[summary(None, None)], "DHAT"),
            (&[summary(Some(2), Some(299))], "misread"),
            (&twice, "two benches"),
        ] {
            let error = counted(summaries, &found(300)).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
