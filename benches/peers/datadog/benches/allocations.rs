//! How often the same work allocates.

#[path = "../../benches/work/count.rs"]
mod count;
#[path = "../../../wire/input.rs"]
mod input;
#[path = "../src/propagator.rs"]
mod peer;
#[path = "../../benches/work/text_map_count.rs"]
mod text_map_count;
#[path = "../../benches/work/text_map.rs"]
mod work;

fn main() {
    text_map_count::text_map();
}
