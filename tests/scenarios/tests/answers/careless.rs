use http::HeaderMap;
use scenarios::{App, Bare, Bed, Column, ROWS, Subject, counted, objections};

use crate::answer_in;
use crate::naive::Naive;

#[test]
fn a_layer_without_any_care_is_seen_through() {
    let column = Column::of(Naive).unwrap();
    for (title, expected) in [
        ("future dropped", "unset, no gauge"),
        ("handler panics", "unset, no gauge"),
        ("body fails after a 200", "lost"),
        ("streamed body", "ends at headers"),
        ("task outlives the response", "ends with the task"),
        ("`call` sees the trace", "no"),
        ("`authorization` exported", "yes"),
        ("`on_upgrade` sees the trace", "no"),
    ] {
        assert_eq!(answer_in(&column, title), expected, "{title}");
    }
    let cases = answer_in(&column, "Trace Context, cases right");
    let (right, all) = cases.split_once(" of ").unwrap();
    let [right, all] = [right, all].map(|n| n.parse::<u32>().unwrap());
    assert!(0 < right && right < all, "OpenTelemetry's propagator gets some wrong: {cases}");
    // Of the cost, no answer is wrong.
    assert_eq!(objections(&column).len(), ROWS.len() - 1);
}

#[test]
fn a_layer_without_spans_has_none() {
    /// Adds nothing at all.
    struct Nothing;
    impl Subject for Nothing {
        fn name(&self) -> String {
            "nothing".to_owned()
        }
        fn around(&self, app: App, _: &Bed) -> App {
            app
        }
        fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
            counted(bare, headers)
        }
    }
    let column = Column::of(Nothing).unwrap();
    for (title, expected) in [
        ("Trace Context, cases right", "reads no traceparent"),
        ("future dropped", "no span, no gauge"),
        ("body fails after a 200", "no span"),
        ("streamed body", "no span"),
        ("task outlives the response", "never ends"),
        ("`call` sees the trace", "no"),
        ("`authorization` exported", "no span"),
        ("allocations", "0 / 0"),
    ] {
        assert_eq!(answer_in(&column, title), expected, "{title}");
    }
}
