//! What messages cost elsewhere, on the texts of `../../websocket.rs`. The id of a bench names the row of
//! the table, its group the column.
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use std::hint::black_box;

use gungraun::prelude::*;

#[path = "messages/elsewhere.rs"]
mod elsewhere;
#[expect(dead_code, reason = "messages are compared at two lengths")]
#[path = "../../websocket/texts.rs"]
mod texts;
#[path = "work/messages.rs"]
mod work;

use texts::{Event, KB2, KB64, Place};

// Read

macro_rules! reader {
    ($read:ident) => {
        #[library_benchmark(setup = work::text)]
        #[bench::read_first_2kb(KB2, Place::First)]
        #[bench::read_first_64kb(KB64, Place::First)]
        #[bench::read_middle_2kb(KB2, Place::Middle)]
        #[bench::read_middle_64kb(KB64, Place::Middle)]
        #[bench::read_last_2kb(KB2, Place::Last)]
        #[bench::read_last_64kb(KB64, Place::Last)]
        #[bench::read_absent_2kb(KB2, Place::Absent)]
        #[bench::read_absent_64kb(KB64, Place::Absent)]
        fn $read(text: &'static str) -> bool {
            elsewhere::$read(black_box(text)).is_some()
        }
    };
}

reader!(read_by_struct);
reader!(read_by_value);
reader!(read_checked);
reader!(read_unchecked);

// Write

#[library_benchmark(setup = work::text)]
#[bench::prepend_2kb(KB2, Place::Absent)]
#[bench::prepend_64kb(KB64, Place::Absent)]
fn splice(text: &'static str) -> String {
    work::splice(black_box(text))
}

#[library_benchmark(setup = work::text)]
#[bench::inject_2kb(KB2, Place::Absent)]
#[bench::inject_64kb(KB64, Place::Absent)]
fn write_by_raw_values(text: &'static str) -> String {
    elsewhere::write_by_raw_values(black_box(text))
}

#[library_benchmark(setup = work::text)]
#[bench::inject_2kb(KB2, Place::Absent)]
#[bench::inject_64kb(KB64, Place::Absent)]
#[bench::relay_2kb(KB2, Place::First)]
#[bench::relay_64kb(KB64, Place::First)]
fn write_by_value(text: &'static str) -> String {
    elsewhere::write_by_value(black_box(text))
}

// Typed

#[library_benchmark(setup = work::event)]
#[bench::encode_2kb(KB2)]
#[bench::encode_64kb(KB64)]
fn encode(event: &'static Event) -> String {
    work::encode(black_box(event))
}

#[library_benchmark(setup = work::text)]
#[bench::decode_2kb(KB2, Place::Absent)]
#[bench::decode_64kb(KB64, Place::Absent)]
fn decode(text: &'static str) -> Event {
    work::decode(black_box(text))
}

library_benchmark_group!(name = messages_by_hand, benchmarks = splice);
library_benchmark_group!(
    name = messages_in_part,
    benchmarks = [read_by_struct, write_by_raw_values, encode, decode]
);
library_benchmark_group!(name = messages_value, benchmarks = [read_by_value, write_by_value]);
library_benchmark_group!(name = messages_checked, benchmarks = read_checked);
library_benchmark_group!(name = messages_unchecked, benchmarks = read_unchecked);

main!(
    library_benchmark_groups = messages_by_hand,
    messages_in_part,
    messages_value,
    messages_checked,
    messages_unchecked
);
