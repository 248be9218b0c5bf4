//! Whether the counts repeat.

use std::path::Path;

use super::judge::Counted;
use super::measure::measure;
use crate::command::StepError;
use crate::figures::{change, percent, thousands};

/// Runs the benches so many times, and names those whose counts are not the same in all.
///
/// # Errors
/// If a count varies by more than it may.
pub(super) fn run(root: &Path, number: u32, filter: &str) -> Result<(), StepError> {
    let runs = (0..number).map(|_| measure(root, filter)).collect::<Result<Vec<_>, _>>()?;
    let varying = varying(&runs);
    for (text, _) in &varying {
        println!("{text}");
    }
    let benches = runs.first().map_or(0, Counted::len);
    println!(
        "{} of {benches} benches have the same counts in {number} runs",
        benches - varying.len()
    );
    let too_much: Vec<_> =
        varying.into_iter().filter(|(_, allowed)| !allowed).map(|(text, _)| text).collect();
    if too_much.is_empty() { Ok(()) } else { Err(StepError::Rule(too_much.join("\n"))) }
}

/// The benches whose counts are not the same in all runs, and whether that is allowed.
fn varying(runs: &[Counted]) -> Vec<(String, bool)> {
    let Some(first) = runs.first() else { return Vec::new() };
    let mut found = Vec::new();
    for name in first.keys() {
        let costs: Vec<_> = runs.iter().filter_map(|run| run.get(name)).collect();
        let range =
            |figures: Vec<u64>| figures.iter().min().copied().zip(figures.iter().max().copied());
        let instructions = range(costs.iter().map(|cost| cost.instructions).collect());
        let allocations = range(costs.iter().map(|cost| cost.allocations).collect());
        let (Some((least, most)), Some((fewest, all))) = (instructions, allocations) else {
            continue;
        };
        if least != most || fewest != all || costs.len() != runs.len() {
            let text = format!(
                "{name} varies: {} to {} instructions ({}), {fewest} to {all} allocations",
                thousands(least),
                thousands(most),
                percent(change(least, most)),
            );
            // Who allocates may have a hash map, whose seed is drawn: half a percent.
            let close = all > 0 && (most - least) * 200 <= least;
            found.push((text, close && fewest == all && costs.len() == runs.len()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::counts::Cost;
    use super::*;

    fn runs(costs: &[(u64, u64)]) -> Vec<Counted> {
        let run = |(instructions, allocations): &(u64, u64)| {
            let cost =
                Cost { instructions: *instructions, allocations: *allocations, budget: None };
            Counted::from([("wire::a.b".to_owned(), cost)])
        };
        costs.iter().map(run).collect()
    }

    #[test]
    fn equal_runs_do_not_vary() {
        assert_eq!(varying(&runs(&[(1000, 1), (1000, 1), (1000, 1)])), []);
        assert_eq!(varying(&[]), []);
    }

    #[test]
    fn what_varies_is_named_and_only_hash_maps_may() {
        let found = varying(&runs(&[(1000, 1), (1005, 1), (1001, 1)]));
        let text = "wire::a.b varies: 1,000 to 1,005 instructions (+0.5 %), 1 to 1 allocations";
        assert_eq!(found, [(text.to_owned(), true)]);
        for costs in [[(1000, 1), (1006, 1)], [(1000, 0), (1001, 0)], [(1000, 1), (1000, 2)]] {
            let found = varying(&runs(&costs));
            assert!(matches!(&found[..], [(_, false)]), "{costs:?}");
        }
        let missing = [runs(&[(1000, 1)]).remove(0), Counted::new()];
        assert!(matches!(&varying(&missing)[..], [(_, false)]));
    }
}
