//! Counts the allocations of a piece of work.

use allocation_counter::measure;

/// Prints them as a line of JSON, with the group and id of the bench of the same work.
pub(crate) fn count<T, R>(group: &str, id: &str, setup: impl Fn() -> T, work: impl Fn(T) -> R) {
    // What is done once per process is not counted.
    drop(work(setup()));
    let input = setup();
    let allocations = measure(|| drop(work(input))).count_total;
    println!(r#"{{"group":"{group}","id":"{id}","allocations":{allocations}}}"#);
}
