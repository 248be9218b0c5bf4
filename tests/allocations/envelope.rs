//! How often the text of a message allocates when its context is read, written, replaced or relayed.

use super::allocates;
use super::texts::{CONTEXT, MB1, Place, SIZES, event, text};
use super::texts_work::{Work, plain_encode};
use allocation_counter::measure;

#[test]
fn the_context_of_the_input_is_what_an_envelope_writes() {
    let work = Work::on(MB1, Place::Absent);
    assert_eq!(work.text.len(), MB1);
    assert!(work.prepend() == text(MB1, Place::First));
    assert!(work.prepend().starts_with(&format!("{{{CONTEXT},\"type\"")));
}

#[test]
fn reading_allocates_only_where_a_context_stands_between_other_members() {
    for bytes in SIZES {
        for (place, budget) in
            [(Place::First, 0), (Place::Middle, 1), (Place::Last, 0), (Place::Absent, 0)]
        {
            let work = Work::on(bytes, place);
            allocates(budget, || assert_eq!(work.extract(), place != Place::Absent));
        }
    }
}

#[test]
fn writing_allocates_the_text_that_leaves_and_nothing_else() {
    for bytes in SIZES {
        let work = Work::on(bytes, Place::Absent);
        allocates(1, || drop(work.inject()));
        allocates(1, || drop(work.prepend()));
    }
}

#[test]
fn ms_7_a_relay_allocates_a_received_text_and_nothing_for_its_own() {
    for bytes in SIZES {
        let mut work = Work::on(bytes, Place::First);
        allocates(1, || drop(work.forward()));
        allocates(1, || drop(work.replace()));
        allocates(0, || assert!(work.reparent()));
    }
}

#[test]
fn a_typed_text_allocates_for_its_context_and_the_room_for_it_and_reading_it_nothing() {
    for bytes in SIZES {
        let (event, work) = (event(bytes), Work::on(bytes, Place::First));
        let plain = measure(|| drop(plain_encode(&event))).count_total;
        let text = plain_encode(&event);
        let grows = u64::from(text.capacity() - text.len() <= CONTEXT.len());
        allocates(plain + 1 + grows, || drop(work.encode(&event)));
        let plain = measure(|| drop(work.plain_decode())).count_total;
        allocates(plain, || drop(work.decode()));
    }
}
