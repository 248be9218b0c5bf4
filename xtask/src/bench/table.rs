//! The tables of the gate, in Markdown, the largest change first.

use super::counts::{Cost, Counts};
use super::judge::Counted;
use crate::figures::{change, markdown, percent, thousands};

/// What was counted, beside what is committed and what is allowed.
pub(super) fn committed(counted: &Counted, counts: &Counts) -> String {
    let earlier = |name: &str| counts.bench.get(name).map(|entry| entry.cost);
    let head = [
        "bench",
        "instructions",
        "committed",
        "change",
        "budget",
        "left",
        "allocations",
        "committed",
    ];
    let rows = sorted(counted, &earlier).into_iter().map(|(name, cost)| {
        let [instructions, was, changed, allocations, before] =
            compared(&cost, earlier(name).as_ref());
        let budget = cost.budget.map_or_else(dash, thousands);
        let left =
            cost.budget.map_or_else(dash, |budget| percent(-change(budget, cost.instructions)));
        [name.to_owned(), instructions, was, changed, budget, left, allocations, before]
    });
    markdown(head, &rows.collect::<Vec<_>>())
}

/// What was counted, beside what was counted of another revision.
pub(super) fn revisions(counted: &Counted, base: &Counted, revision: &str) -> String {
    let earlier = |name: &str| base.get(name).copied();
    let head = ["bench", "instructions", revision, "change", "allocations", revision];
    let mut rows: Vec<_> = sorted(counted, &earlier)
        .into_iter()
        .map(|(name, cost)| {
            let [instructions, was, changed, allocations, before] =
                compared(&cost, earlier(name).as_ref());
            [name.to_owned(), instructions, was, changed, allocations, before]
        })
        .collect();
    for (name, was) in base.iter().filter(|(name, _)| !counted.contains_key(*name)) {
        rows.push([
            name.clone(),
            dash(),
            thousands(was.instructions),
            dash(),
            dash(),
            thousands(was.allocations),
        ]);
    }
    markdown(head, &rows)
}

/// New ones come first, since nothing is known of them.
fn sorted<'a>(
    counted: &'a Counted,
    earlier: &dyn Fn(&str) -> Option<Cost>,
) -> Vec<(&'a str, Cost)> {
    let size = |name: &str, cost: &Cost| {
        earlier(name).map_or(f64::INFINITY, |was| change(was.instructions, cost.instructions).abs())
    };
    let mut benches: Vec<_> = counted.iter().map(|(name, cost)| (name.as_str(), *cost)).collect();
    benches.sort_by(|a, b| size(b.0, &b.1).total_cmp(&size(a.0, &a.1)));
    benches
}

/// Instructions, what they were, their change; allocations, and what they were.
fn compared(cost: &Cost, earlier: Option<&Cost>) -> [String; 5] {
    let was = |figure: fn(&Cost) -> u64| earlier.map_or_else(dash, |cost| thousands(figure(cost)));
    [
        thousands(cost.instructions),
        was(|cost| cost.instructions),
        earlier.map_or_else(dash, |was| percent(change(was.instructions, cost.instructions))),
        thousands(cost.allocations),
        was(|cost| cost.allocations),
    ]
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::counts::{Entry, Recorded};
    use super::*;

    fn cost(instructions: u64, allocations: u64) -> Cost {
        Cost { instructions, allocations, budget: None }
    }

    fn counted(costs: &[(&str, Cost)]) -> Counted {
        costs.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect()
    }

    #[test]
    fn the_largest_change_comes_first_and_what_is_new_before_it() {
        let after = counted(&[
            ("a", cost(1010, 0)),
            ("b", Cost { budget: Some(1000), ..cost(900, 2) }),
            ("c", cost(7, 1)),
        ]);
        let entry = |cost| Entry { cost, reason: String::new() };
        let bench = [("a", entry(cost(1000, 0))), ("b", entry(cost(1000, 1)))];
        let bench = bench.map(|(name, entry)| (name.to_owned(), entry));
        let counts = Counts { machine: Recorded::default(), bench: BTreeMap::from(bench) };
        let expected = "\
| bench | instructions | committed |  change | budget |    left | allocations | committed |
|-------|-------------:|----------:|--------:|-------:|--------:|------------:|----------:|
| c     |            7 |         - |       - |      - |       - |           1 |         - |
| b     |          900 |     1,000 | -10.0 % |  1,000 | +10.0 % |           2 |         1 |
| a     |        1,010 |     1,000 |  +1.0 % |      - |       - |           0 |         0 |
";
        assert_eq!(committed(&after, &counts), expected);
    }

    #[test]
    fn what_another_revision_has_is_listed_too() {
        let (after, before) = (counted(&[("a", cost(1, 0))]), counted(&[("gone", cost(2, 3))]));
        let table = revisions(&after, &before, "main");
        let rows: Vec<_> = table.lines().skip(2).map(|row| row.replace(' ', "")).collect();
        assert_eq!(rows, ["|a|1|-|-|0|-|", "|gone|-|2|-|-|3|"]);
        assert!(table.lines().next().unwrap().contains(" main |"), "{table}");
    }
}
