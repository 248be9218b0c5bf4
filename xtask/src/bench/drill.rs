//! A fire drill: the gate is shown a regression in a scratch copy, and has to object.

use std::path::Path;

use super::counts::{self, Counts};
use super::judge::judge_edits;
use super::revision::Scratch;
use super::{committed, judged, revision};
use crate::command::StepError;
use crate::figures::thousands;

/// The benches that the planted regression reaches; one file is built for them.
const FILTER: &str = "wire::inject";

/// One more parse, in a place that every injection passes.
const REGRESSION: [&str; 3] = [
    "src/propagation/propagator/inject.rs",
    "let parent = self.parent_out(context);",
    "let parent = self.parent_out(context);
        let text = std::hint::black_box(\"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\");
        let _ = std::hint::black_box(text.parse::<TraceParent>());",
];

/// A bench whose budget is raised in its source.
const RAISED: &str = "wire::inject_all_three_into_new.new_map";

/// Plants both in a copy of the last commit.
///
/// # Errors
/// If the gate does not object to each, or cannot run there.
pub(super) fn run(root: &Path) -> Result<(), StepError> {
    let scratch = Scratch::new(root, "HEAD")?;
    let counts = committed(&scratch.folder)?;
    let [path, from, to] = REGRESSION;
    scratch.replace(path, from, to)?;
    let budget = counts.bench.get(RAISED).and_then(|entry| entry.cost.budget).unwrap_or_default();
    let budget = format!("budget({})", thousands(budget).replace(',', "_"));
    scratch.replace("benches/wire.rs", &budget, "budget(9_000)")?;
    let (_, verdict) = judged(&scratch.folder, &counts, FILTER)?;
    // On another machine, instructions only warn.
    let said: Vec<_> = verdict.failures.into_iter().chain(verdict.warnings).collect();
    let expected = [
        "wire::inject_traceparent.reused_map is over its budget",
        "wire::inject_traceparent.reused_map: ",
        "wire::inject_all_three.reused_map: ",
        &format!("{RAISED}: its budget is 9,000"),
    ];
    let unsaid = expected.iter().filter(|text| !said.iter().any(|line| line.starts_with(*text)));
    let mut missing: Vec<_> =
        unsaid.map(|text| format!("the gate does not say `{text}…`")).collect();
    missing.extend(edit_by_hand(&scratch, counts)?);
    if missing.is_empty() {
        println!("the gate objects to all that was planted:\n{}", said.join("\n"));
        return Ok(());
    }
    Err(StepError::Rule(missing.join("\n")))
}

/// Commits a count by hand, with the reason that stood there.
fn edit_by_hand(scratch: &Scratch, mut edited: Counts) -> Result<Option<String>, StepError> {
    let earlier = revision::counts(&scratch.folder, "HEAD")?;
    let Some((name, entry)) = edited.bench.iter_mut().find(|(name, _)| name.starts_with(FILTER))
    else {
        return Err(StepError::Rule(format!("{} has no {FILTER}", counts::PATH)));
    };
    entry.cost.instructions += 1;
    let name = name.clone();
    let objects = judge_edits(&edited, earlier.as_ref()).iter().any(|line| line.starts_with(&name));
    Ok((!objects).then(|| format!("the gate lets a count of {name} be changed without a reason")))
}
