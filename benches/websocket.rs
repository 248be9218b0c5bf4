//! Instructions that messages of WebSockets cost, each with a budget: over it, the bench fails.
//!
//! What is measured and what a budget covers is in `benches/README.md`; what others need for the same
//! is measured by `benches/peers`.
#![expect(missing_docs, reason = "the macros of the harness make public items")]
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]
#![expect(clippy::expect_used, reason = "the input is our own")]
#![expect(dead_code, reason = "the peers and the allocation counts need more of the input")]

use std::hint::black_box;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};

#[path = "websocket/texts.rs"]
mod texts;
#[path = "websocket/work.rs"]
mod work;

use texts::{B200, Event, KB2, KB64, MB1, Place};
use work::{Work, plain_encode};

/// Instructions above which a bench fails.
fn budget(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::default();
    callgrind.hard_limits([(EventKind::Ir, instructions)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

// Read

#[library_benchmark(setup = received)]
#[bench::first_200b(args = (B200, Place::First), config = budget(2_270))]
#[bench::first_2kb(args = (KB2, Place::First), config = budget(2_650))]
#[bench::first_64kb(args = (KB64, Place::First), config = budget(2_650))]
#[bench::first_1mb(args = (MB1, Place::First), config = budget(2_650))]
#[bench::middle_200b(args = (B200, Place::Middle), config = budget(7_300))]
#[bench::middle_2kb(args = (KB2, Place::Middle), config = budget(11_500))]
#[bench::middle_64kb(args = (KB64, Place::Middle), config = budget(138_000))]
#[bench::middle_1mb(args = (MB1, Place::Middle), config = budget(2_050_000))]
#[bench::last_200b(args = (B200, Place::Last), config = budget(2_550))]
#[bench::last_2kb(args = (KB2, Place::Last), config = budget(3_950))]
#[bench::last_64kb(args = (KB64, Place::Last), config = budget(48_900))]
#[bench::last_1mb(args = (MB1, Place::Last), config = budget(728_000))]
#[bench::absent_200b(args = (B200, Place::Absent), config = budget(1_120))]
#[bench::absent_2kb(args = (KB2, Place::Absent), config = budget(2_510))]
#[bench::absent_64kb(args = (KB64, Place::Absent), config = budget(47_500))]
#[bench::absent_1mb(args = (MB1, Place::Absent), config = budget(730_000))]
fn extract(work: &'static mut Work) -> bool {
    black_box(work).extract()
}

// Write

#[library_benchmark(setup = unsent)]
#[bench::b200(args = (B200,), config = budget(2_800))]
#[bench::kb2(args = (KB2,), config = budget(4_550))]
#[bench::kb64(args = (KB64,), config = budget(115_000))]
#[bench::mb1(args = (MB1,), config = budget(1_760_000))]
fn inject(work: &'static mut Work) -> String {
    black_box(work).inject()
}

#[library_benchmark(setup = unsent)]
#[bench::b200(args = (B200,), config = budget(2_260))]
#[bench::kb2(args = (KB2,), config = budget(2_600))]
#[bench::kb64(args = (KB64,), config = budget(68_500))]
#[bench::mb1(args = (MB1,), config = budget(1_040_000))]
fn prepend(work: &'static mut Work) -> String {
    black_box(work).prepend()
}

// Relay

#[library_benchmark(setup = relayed)]
#[bench::b200(args = (B200,), config = budget(3_270))]
#[bench::kb2(args = (KB2,), config = budget(3_960))]
#[bench::kb64(args = (KB64,), config = budget(70_000))]
#[bench::mb1(args = (MB1,), config = budget(1_040_000))]
fn replace(work: &'static mut Work) -> String {
    black_box(work).replace()
}

#[library_benchmark(setup = relayed)]
#[bench::b200(args = (B200,), config = budget(2_720))]
#[bench::kb2(args = (KB2,), config = budget(3_390))]
#[bench::kb64(args = (KB64,), config = budget(69_500))]
#[bench::mb1(args = (MB1,), config = budget(1_040_000))]
fn forward(work: &'static mut Work) -> String {
    black_box(work).forward()
}

#[library_benchmark(setup = relayed)]
#[bench::b200(args = (B200,), config = budget(2_520))]
#[bench::kb2(args = (KB2,), config = budget(2_890))]
#[bench::kb64(args = (KB64,), config = budget(2_890))]
#[bench::mb1(args = (MB1,), config = budget(2_890))]
fn reparent_in_place(work: &'static mut Work) -> bool {
    black_box(work).reparent()
}

// Typed

#[library_benchmark(setup = value)]
#[bench::b200(args = (B200,), config = budget(6_000))]
#[bench::kb2(args = (KB2,), config = budget(30_000))]
#[bench::kb64(args = (KB64,), config = budget(885_000))]
#[bench::mb1(args = (MB1,), config = budget(14_000_000))]
fn encode((work, event): Value) -> String {
    black_box(work).encode(black_box(event))
}

#[library_benchmark(setup = value)]
#[bench::b200(args = (B200,))]
#[bench::kb2(args = (KB2,))]
#[bench::kb64(args = (KB64,))]
#[bench::mb1(args = (MB1,))]
fn plain_encode_alone((_, event): Value) -> String {
    plain_encode(black_box(event))
}

#[library_benchmark(setup = received)]
#[bench::b200(args = (B200, Place::First), config = budget(9_800))]
#[bench::kb2(args = (KB2, Place::First), config = budget(50_800))]
#[bench::kb64(args = (KB64, Place::First), config = budget(1_460_000))]
#[bench::mb1(args = (MB1, Place::First), config = budget(22_700_000))]
fn decode(work: &'static mut Work) -> Event {
    black_box(work).decode()
}

#[library_benchmark(setup = received)]
#[bench::b200(args = (B200, Place::Absent))]
#[bench::kb2(args = (KB2, Place::Absent))]
#[bench::kb64(args = (KB64, Place::Absent))]
#[bench::mb1(args = (MB1, Place::Absent))]
fn plain_decode_alone(work: &'static mut Work) -> Event {
    black_box(work).plain_decode()
}

library_benchmark_group!(
    name = websocket,
    benchmarks = [
        extract,
        inject,
        prepend,
        replace,
        forward,
        reparent_in_place,
        encode,
        plain_encode_alone,
        decode,
        plain_decode_alone,
    ]
);

main!(library_benchmark_groups = websocket);

// Setup leaks what it makes, so that no bench counts its drop, and does the work once: first
// allocations cost more than later ones, and so does the first search for a byte, which looks for
// what the processor can do.

type Value = (&'static mut Work, &'static Event);

fn received(bytes: usize, place: Place) -> &'static mut Work {
    let work = Box::leak(Box::new(Work::on(bytes, place)));
    assert_eq!(work.extract(), place != Place::Absent);
    black_box((work.decode(), work.plain_decode()));
    work
}

fn unsent(bytes: usize) -> &'static mut Work {
    let work = received(bytes, Place::Absent);
    assert_eq!(work.inject(), work.prepend());
    work
}

fn relayed(bytes: usize) -> &'static mut Work {
    let work = received(bytes, Place::First);
    assert!(work.replace() == work.forward() && work.reparent());
    work
}

fn value(bytes: usize) -> Value {
    let (work, event) = (unsent(bytes), Box::leak(Box::new(texts::event(bytes))));
    assert!(work.encode(event).ends_with(plain_encode(event).trim_start_matches('{')));
    (work, event)
}
