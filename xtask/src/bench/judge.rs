//! What the gate objects to: pure functions of counts.

use std::collections::BTreeMap;

use super::counts::{Cost, Counts, Entry};
use crate::figures::{change, percent, thousands};

/// What was counted, by the name of the bench.
pub(super) type Counted = BTreeMap<String, Cost>;

/// The committed counts that a run is judged by.
pub(super) struct Committed<'a> {
    pub(super) counts: &'a Counts,
    /// Whether they were counted where this run was. Elsewhere, instructions say little.
    pub(super) here: bool,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) failures: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Judges what was counted by what is committed. A bench whose name does not begin with `filter` was
/// not run.
pub(super) fn judge(counted: &Counted, committed: &Committed<'_>, filter: &str) -> Verdict {
    let mut verdict = Verdict::default();
    for (name, cost) in counted {
        match committed.counts.bench.get(name) {
            Some(entry) => judge_bench(&mut verdict, name, cost, &entry.cost, committed.here),
            None => {
                verdict.failures.push(format!("{name} is a new bench, without committed counts"))
            }
        }
    }
    let gone = committed
        .counts
        .bench
        .keys()
        .filter(|name| name.starts_with(filter) && !counted.contains_key(*name));
    verdict.failures.extend(gone.map(|name| format!("{name} is committed, and no bench any more")));
    verdict
}

fn judge_bench(verdict: &mut Verdict, name: &str, cost: &Cost, committed: &Cost, here: bool) {
    // Another allocator or compiler costs other instructions for the same work.
    let instructions = if here { &mut verdict.failures } else { &mut verdict.warnings };
    if let Some(budget) = cost.budget.filter(|budget| cost.instructions > *budget) {
        let (counted, budget) = (thousands(cost.instructions), thousands(budget));
        instructions.push(format!(
            "{name} is over its budget: {counted} instructions, {budget} are allowed"
        ));
    }
    if let Some(allowed) = exceeded(committed, cost) {
        let (was, is) = (committed.instructions, cost.instructions);
        instructions.push(format!(
            "{name}: {} instructions, {} are committed: {}, {allowed} % are allowed",
            thousands(is),
            thousands(was),
            percent(change(was, is)),
        ));
    }
    if cost.allocations != committed.allocations {
        let (was, is) = (committed.allocations, cost.allocations);
        verdict.failures.push(format!("{name}: {is} allocations, {was} are committed"));
    }
    if cost.budget != committed.budget {
        let shown = |budget: Option<u64>| budget.map_or_else(|| "none".to_owned(), thousands);
        let (is, was) = (shown(cost.budget), shown(committed.budget));
        verdict.failures.push(format!("{name}: its budget is {is}, {was} is committed"));
    }
}

/// The percentage that the instructions may differ by, if they differ by more.
pub(crate) fn exceeded(committed: &Cost, cost: &Cost) -> Option<u64> {
    // What allocates depends on the state of the allocator.
    let allowed = if committed.allocations == 0 && cost.allocations == 0 { 2 } else { 5 };
    let difference = committed.instructions.abs_diff(cost.instructions);
    (difference * 100 > committed.instructions * allowed).then_some(allowed)
}

/// Judges the committed counts by those of an earlier revision: what has changed has a new reason.
pub(super) fn judge_edits(counts: &Counts, earlier: Option<&Counts>) -> Vec<String> {
    let mut found = Vec::new();
    let mut judge = |name: &str, reason: &str, unchanged: bool, earlier: Option<&String>| {
        if reason.trim().is_empty() {
            found.push(format!("{name} has no reason"));
        } else if !unchanged && earlier.is_some_and(|earlier| earlier == reason) {
            found.push(format!("{name} has changed, and its reason has not"));
        }
    };
    let machine = earlier.map(|earlier| &earlier.machine);
    let same = machine.is_none_or(|earlier| earlier.on == counts.machine.on);
    judge("machine", &counts.machine.reason, same, machine.map(|earlier| &earlier.reason));
    for (name, entry) in &counts.bench {
        let earlier = earlier.and_then(|earlier| earlier.bench.get(name));
        let same = earlier.is_none_or(|earlier| earlier.cost == entry.cost);
        judge(name, &entry.reason, same, earlier.map(|earlier| &earlier.reason));
    }
    found
}

/// The committed counts with all made good that the gate objects to, for a reason.
pub(super) fn renewed(counted: &Counted, committed: &Committed<'_>, reason: &str) -> Counts {
    let mut counts = committed.counts.clone();
    counts.bench.retain(|name, _| counted.contains_key(name));
    for (name, cost) in counted {
        let kept =
            counts.bench.get(name).is_some_and(|entry| keeps(&entry.cost, cost, committed.here));
        if !kept {
            counts.bench.insert(name.clone(), Entry { cost: *cost, reason: reason.to_owned() });
        }
    }
    counts
}

/// What is within its tolerance stays, so that its reason stays true.
fn keeps(committed: &Cost, cost: &Cost, here: bool) -> bool {
    let close = if here {
        exceeded(committed, cost).is_none()
    } else {
        committed.instructions == cost.instructions
    };
    close && committed.allocations == cost.allocations && committed.budget == cost.budget
}

#[cfg(test)]
mod tests {
    use super::super::counts::Recorded;
    use super::super::machine::Machine;
    use super::*;

    const FREE: Cost = Cost { instructions: 1000, allocations: 0, budget: Some(1100) };
    const ALLOCATING: Cost = Cost { instructions: 1000, allocations: 3, budget: None };

    fn counts(benches: &[(&str, Cost, &str)]) -> Counts {
        let entry = |(name, cost, reason): &(&str, Cost, &str)| {
            ((*name).to_owned(), Entry { cost: *cost, reason: (*reason).to_owned() })
        };
        let machine = Recorded { on: Machine::default(), reason: "First".to_owned() };
        Counts { machine, bench: benches.iter().map(entry).collect() }
    }

    /// Of one bench that is committed with one cost and counted with another.
    fn judged(committed: Cost, cost: Cost, here: bool) -> Verdict {
        let counts = counts(&[("wire::a.b", committed, "First")]);
        let counted = Counted::from([("wire::a.b".to_owned(), cost)]);
        judge(&counted, &Committed { counts: &counts, here }, "")
    }

    fn objections(committed: Cost, cost: Cost) -> Vec<String> {
        let verdict = judged(committed, cost, true);
        assert_eq!(verdict.warnings, [""; 0]);
        verdict.failures
    }

    #[test]
    fn what_allocates_nothing_may_differ_by_two_percent_either_way() {
        let at = |instructions| objections(FREE, Cost { instructions, ..FREE });
        for instructions in [980, 1000, 1020] {
            assert_eq!(at(instructions), [""; 0], "{instructions}");
        }
        assert_eq!(
            at(1021),
            ["wire::a.b: 1,021 instructions, 1,000 are committed: +2.1 %, 2 % are allowed"]
        );
        assert_eq!(
            at(979),
            ["wire::a.b: 979 instructions, 1,000 are committed: -2.1 %, 2 % are allowed"]
        );
    }

    #[test]
    fn what_allocates_may_differ_by_five_percent_either_way() {
        let at = |instructions| objections(ALLOCATING, Cost { instructions, ..ALLOCATING });
        for instructions in [950, 1050] {
            assert_eq!(at(instructions), [""; 0], "{instructions}");
        }
        for instructions in [949, 1051] {
            assert!(at(instructions)[0].contains("5 % are allowed"), "{instructions}");
        }
    }

    #[test]
    fn no_allocation_more_or_less_goes_unseen() {
        for allocations in [2, 4] {
            let found = objections(ALLOCATING, Cost { allocations, ..ALLOCATING });
            assert_eq!(found, [format!("wire::a.b: {allocations} allocations, 3 are committed")]);
        }
        assert_eq!(objections(FREE, Cost { allocations: 1, ..FREE }).len(), 1);
    }

    #[test]
    fn a_budget_holds_even_if_a_higher_count_is_committed() {
        let over = Cost { instructions: 1101, ..FREE };
        assert_eq!(
            objections(over, over),
            ["wire::a.b is over its budget: 1,101 instructions, 1,100 are allowed"]
        );
    }

    #[test]
    fn a_budget_that_is_not_the_committed_one_is_objected_to() {
        let raised = Cost { budget: Some(1200), ..FREE };
        assert_eq!(
            objections(FREE, raised),
            ["wire::a.b: its budget is 1,200, 1,100 is committed"]
        );
        let without = Cost { budget: None, ..FREE };
        assert_eq!(
            objections(FREE, without),
            ["wire::a.b: its budget is none, 1,100 is committed"]
        );
    }

    #[test]
    fn benches_come_and_go_with_their_counts() {
        let committed = counts(&[("wire::a.b", FREE, "First"), ("server::a.b", FREE, "First")]);
        let committed = Committed { counts: &committed, here: true };
        let counted = Counted::from([("wire::a.c".to_owned(), FREE)]);
        let failures = judge(&counted, &committed, "").failures;
        assert_eq!(failures.len(), 3, "{failures:?}");
        assert!(failures[0].contains("wire::a.c is a new bench"), "{failures:?}");
        // Those of the server were not run.
        assert_eq!(judge(&counted, &committed, "wire").failures.len(), 2);
    }

    #[test]
    fn elsewhere_instructions_only_warn_and_allocations_do_not() {
        let verdict = judged(FREE, Cost { instructions: 1200, ..FREE }, false);
        assert_eq!((verdict.failures.len(), verdict.warnings.len()), (0, 2), "{verdict:?}");
        let verdict = judged(FREE, Cost { allocations: 1, budget: None, ..FREE }, false);
        assert_eq!((verdict.failures.len(), verdict.warnings.len()), (2, 0), "{verdict:?}");
    }

    #[test]
    fn what_has_changed_since_an_earlier_revision_has_a_new_reason() {
        let earlier = counts(&[("a", FREE, "First"), ("b", ALLOCATING, "First")]);
        let found = |counts: &Counts| judge_edits(counts, Some(&earlier));
        assert_eq!(found(&earlier), [""; 0]);
        for cost in [
            Cost { instructions: 1001, ..FREE },
            Cost { allocations: 1, ..FREE },
            Cost { budget: Some(1101), ..FREE },
        ] {
            let edited = |reason| counts(&[("a", cost, reason), ("b", ALLOCATING, "First")]);
            assert_eq!(
                found(&edited("First")),
                ["a has changed, and its reason has not"],
                "{cost:?}"
            );
            assert_eq!(found(&edited("Checks more")), [""; 0], "{cost:?}");
            assert_eq!(found(&edited(" ")), ["a has no reason"], "{cost:?}");
        }
    }

    #[test]
    fn a_new_entry_and_another_machine_have_a_reason_too() {
        let earlier = counts(&[]);
        let mut counts = counts(&[("a", FREE, "")]);
        assert_eq!(judge_edits(&counts, None), ["a has no reason"]);
        assert_eq!(judge_edits(&counts, Some(&earlier)), ["a has no reason"]);
        counts.bench.clear();
        counts.machine.on = Machine::here(std::path::Path::new("."));
        assert_eq!(judge_edits(&counts, None), [""; 0]);
        assert_eq!(
            judge_edits(&counts, Some(&earlier)),
            ["machine has changed, and its reason has not"]
        );
        counts.machine.reason = "Rust 1.96".to_owned();
        assert_eq!(judge_edits(&counts, Some(&earlier)), [""; 0]);
    }

    #[test]
    fn what_is_renewed_is_what_is_objected_to() {
        let near = Cost { instructions: 1010, ..FREE };
        let far = Cost { instructions: 1060, ..FREE };
        let committed =
            counts(&[("near", FREE, "First"), ("far", FREE, "First"), ("gone", FREE, "First")]);
        let counted = Counted::from(
            [("near", near), ("far", far), ("new", FREE)]
                .map(|(name, cost)| (name.to_owned(), cost)),
        );
        let write =
            |here| renewed(&counted, &Committed { counts: &committed, here }, "Checks more");
        assert_eq!(
            write(true),
            counts(&[
                ("near", FREE, "First"),
                ("far", far, "Checks more"),
                ("new", FREE, "Checks more")
            ])
        );
        assert_eq!(
            write(false).bench["near"],
            Entry { cost: near, reason: "Checks more".to_owned() }
        );
        assert_eq!(
            judge(&counted, &Committed { counts: &write(true), here: true }, ""),
            Verdict::default()
        );
        assert_eq!(judge_edits(&write(true), Some(&committed)), [""; 0]);
    }
}
