//! What vector instructions would make of the two loops that the wire formats are left with: digits, and the
//! characters of a list. `cargo bench --bench vectors` in this package; it is part of no table.
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]
#![expect(dead_code, reason = "the peers need more of the input")]

use std::hint::black_box;

use gungraun::prelude::*;

#[path = "../../wire/input.rs"]
mod input;
#[path = "vectors/loops.rs"]
mod loops;

#[library_benchmark]
#[bench::parse(traceparent())]
fn parse_by_ssse3(text: &'static str) -> Option<(u64, u64, u64)> {
    loops::parse(black_box(text.as_bytes()))
}

#[library_benchmark]
#[bench::baggage_plain(baggage(false))]
#[bench::baggage_encoded(baggage(true))]
fn class_by_ssse3(text: &'static [u8]) -> bool {
    loops::is_baggage(black_box(text))
}

#[library_benchmark]
#[bench::baggage_plain(baggage(false))]
fn class_by_compiler(text: &'static [u8]) -> bool {
    loops::is_baggage_by_compiler(black_box(text))
}

library_benchmark_group!(
    name = vectors,
    benchmarks = [parse_by_ssse3, class_by_ssse3, class_by_compiler]
);

main!(library_benchmark_groups = vectors);

// Setup also looks for what the processor can do, as it is done once per process.

fn traceparent() -> &'static str {
    let parsed = loops::parse(input::TRACEPARENT.as_bytes()).map(|ids| ids.2);
    assert_eq!(parsed, Some(0xb7ad_6b71_6920_3331));
    assert_eq!(loops::parse(input::BAD_TRACEPARENT.as_bytes()), None);
    input::TRACEPARENT
}

fn baggage(encoded: bool) -> &'static [u8] {
    let text = Box::leak(Box::new(input::baggage_of_64(encoded)))["baggage"].as_bytes();
    assert!(loops::is_baggage(text) && loops::is_baggage_by_compiler(text));
    assert!(!loops::is_baggage(&[text, b"\\"].concat()));
    text
}
