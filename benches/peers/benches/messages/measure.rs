//! Rounds in which everybody is measured, one behind the other.

use std::time::{Duration, Instant};

use crate::subjects::Subject;

/// What was measured of a subject.
pub(crate) struct Measured {
    pub(crate) work: &'static str,
    pub(crate) who: &'static str,
    /// Of once, in the fastest round.
    pub(crate) nanoseconds: f64,
}

pub(crate) fn measured(mut subjects: Vec<Subject>) -> Vec<Measured> {
    let times: Vec<_> = subjects.iter_mut().map(times_in_a_slice).collect();
    let mut fastest = vec![f64::INFINITY; subjects.len()];
    for round in 0..ROUNDS {
        for turn in 0..subjects.len() {
            // Nobody is always behind the same neighbor.
            let number = if round % 2 == 0 { turn } else { subjects.len() - 1 - turn };
            let once = run(&mut subjects[number], times[number]).as_nanos() as f64
                / f64::from(times[number]);
            fastest[number] = fastest[number].min(once);
        }
    }
    let named = |(subject, nanoseconds): (Subject, f64)| {
        let Subject { work, who, .. } = subject;
        eprintln!("{nanoseconds:>12.0} ns  {work}  {who}");
        Measured { work, who, nanoseconds }
    };
    subjects.into_iter().zip(fastest).map(named).collect()
}

fn times_in_a_slice(subject: &mut Subject) -> u32 {
    let mut times = 1;
    while run(subject, times) < SLICE {
        times *= 2;
    }
    times
}

fn run(subject: &mut Subject, times: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        (subject.once)();
    }
    start.elapsed()
}

pub(crate) const ROUNDS: usize = 60;
/// Short beside what the machine's other work takes at a time.
const SLICE: Duration = Duration::from_micros(300);
