//! The page of what was measured.

use std::fmt::Write as _;

use crate::measure::{ROUNDS, Slice};
use crate::subject::{Budget, Kind, SUBJECTS, Subject};

/// A table of medians and what they say about the budgets.
pub(crate) fn page(rounds: &[Vec<Slice>]) -> String {
    let mut page = INTRODUCTION.replace("ROUNDS", &ROUNDS.to_string());
    let best = best_opentelemetry(rounds);
    for (number, subject) in SUBJECTS.iter().enumerate() {
        let rate = ratios(rounds, number, |slice| slice.rate);
        let cpu = ratios(rounds, number, |slice| slice.cpu);
        let [busy, exported] = [|slice: &Slice| slice.busy, |slice: &Slice| slice.exported]
            .map(|figure| rounds.iter().map(|round| figure(&round[number])).collect::<Vec<_>>());
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| {} | {} | {} | {:.0} % | {} | {} |",
            name(subject),
            spread(&rate),
            spread(&cpu),
            median(&busy) * 100.0,
            share(median(&exported)),
            verdict(subject, median(&rate), best),
        );
    }
    page
}

fn name(subject: &Subject) -> String {
    let (package, otherwise) = subject.name;
    // Ours is what lies in this repository.
    if package == "throughline" {
        format!("**{package}{otherwise}**")
    } else {
        format!("{}{otherwise}", peers_layers::head(package))
    }
}

/// To the bare server of the same round.
fn ratios(rounds: &[Vec<Slice>], number: usize, figure: fn(&Slice) -> f64) -> Vec<f64> {
    rounds.iter().map(|round| figure(&round[number]) / figure(&round[0])).collect()
}

fn best_opentelemetry(rounds: &[Vec<Slice>]) -> f64 {
    let all = SUBJECTS.iter().enumerate();
    let all = all.filter(|(_, subject)| subject.kind == Kind::OpenTelemetry);
    all.map(|(number, _)| median(&ratios(rounds, number, |slice| slice.rate))).fold(0.0, f64::max)
}

/// The median, and the half of the rounds around it.
fn spread(figures: &[f64]) -> String {
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|at| quantile(figures, at));
    format!("{middle:.2} ({low:.2} to {high:.2})")
}

fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

fn quantile(figures: &[f64], at: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = at * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

fn share(exported: f64) -> String {
    if exported == 0.0 { "–".to_owned() } else { format!("{:.0} %", exported * 100.0) }
}

fn verdict(subject: &Subject, rate: f64, best: f64) -> String {
    let met = |budget: f64| if rate >= budget { "met" } else { "**missed**" };
    match subject.kind {
        Kind::Ours(Budget::BestOpenTelemetry) => format!(
            "1.5 times the best on OpenTelemetry: {} ({:.2}); goal 0.85: {}",
            met(1.5 * best),
            rate / best,
            met(0.85),
        ),
        Kind::Ours(Budget::Hundredths(hundredths)) => {
            let budget = f64::from(hundredths) / 100.0;
            format!("{budget:.2}: {}", met(budget))
        }
        _ => String::new(),
    }
}

const INTRODUCTION: &str = "\
# What layers leave of axum's throughput

Written by `cargo xtask peers --loopback --write-docs` in one run on a shared machine of two cores,
whatever else ran on it: times are worth a look, not a promise, and nothing fails by them. What is
held to budgets are the instructions in [benches](../benches/README.md).

Each server is a process of axum with one route and one thread, pinned to the first core together
with its exporter. Eight kept connections on the other core send the same request of eleven headers
to all: `traceparent`, sampled unless the row says otherwise (for sentry-tower, `sentry-trace` in its
place), `tracestate` of three, baggage of eight members and eight others. The servers are measured in
turns, in ROUNDS rounds in changing order. Figures are ratios to the bare server of the same round: the
median, and the quartiles around it.

- *CPU per request*: of all threads of the server, its exporter's included.
- *Core*: how much of the core the server had. The rest went to the machine's other work, or to
  waiting for requests; the more a server waits, the smaller differences in requests look.
- *Exported*: spans per request that reached the exporter, which drops them. OpenTelemetry's batch
  processor loses spans when its queue is full, and each lost one is work saved; all rows with
  OpenTelemetry's spans use its default settings.

Every layer has spans alone unless the row says otherwise. Layers on OpenTelemetry have its
propagators for Trace Context and baggage; this library's looks for `sentry-trace` too, and its spans
have all stable attributes and, as the others', the `tracestate` that came in. Metrics are recorded
by the SDK and exported to nobody, this library's by bound instruments.

| layer | requests per second | CPU per request | core | exported | budget |
|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_one_round() {
        let slice = |rate| Slice { rate, cpu: 1.0, busy: 1.0, exported: 0.0 };
        let round = |bare: f64| vec![slice(bare), slice(bare / 2.0)];
        let rounds = [round(100.0), round(10.0), round(1000.0)];
        assert_eq!(ratios(&rounds, 1, |slice| slice.rate), [0.5; 3]);
    }

    #[test]
    fn quantiles_lie_between_neighbors() {
        let figures = [4.0, 1.0, 3.0, 2.0];
        assert_eq!([0.0, 0.5, 1.0].map(|at| quantile(&figures, at)), [1.0, 2.5, 4.0]);
        assert_eq!(spread(&[0.5, 0.5, 0.5]), "0.50 (0.50 to 0.50)");
    }

    #[test]
    fn a_budget_that_is_missed_is_named() {
        let ours = |budget| {
            let all = SUBJECTS.iter();
            all.clone().find(|subject| subject.kind == Kind::Ours(budget)).unwrap()
        };
        let sampled = ours(Budget::BestOpenTelemetry);
        assert!(verdict(sampled, 0.8, 0.5).contains("met (1.60); goal 0.85: **missed**"));
        assert!(verdict(sampled, 0.7, 0.5).contains("**missed** (1.40)"));
        assert_eq!(verdict(ours(Budget::Hundredths(95)), 0.95, 0.5), "0.95: met");
    }
}
