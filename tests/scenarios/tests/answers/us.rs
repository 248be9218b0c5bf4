use scenarios::{Column, Throughline, objections};

use crate::answer_in;

#[test]
fn this_library_gives_the_right_answers() {
    let column = Column::of(Throughline).unwrap();
    assert_eq!(objections(&column), [""; 0]);
    let answer = |title| answer_in(&column, title);
    assert_eq!(answer("future dropped"), "error (cancelled), gauge 0");
    assert_eq!(answer("handler panics"), "error (panic), gauge 0");
}
