//! The benches of `../../benches/wire.rs` that a propagator of OpenTelemetry has, with Datadog's.
#![expect(clippy::disallowed_methods, reason = "the harness ends with its own exit code")]

use gungraun::prelude::*;

#[path = "../../../wire/input.rs"]
mod input;
#[path = "../src/propagator.rs"]
mod peer;
#[path = "../../benches/wire/text_map.rs"]
mod text_map_benches;
#[path = "../../benches/work/text_map.rs"]
mod work;

use text_map_benches::text_map;

main!(library_benchmark_groups = text_map);
