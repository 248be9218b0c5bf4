//! The work on messages that needs no library of its own, and the texts, warm.

use crate::elsewhere::{
    read_by_struct, read_by_value, read_checked, read_unchecked, write_by_raw_values,
    write_by_value,
};
use crate::texts::{self, CONTEXT, Event, Place};

/// What can be reached where nothing is checked, and the context is a text already.
pub(crate) fn splice(text: &str) -> String {
    let (brace, members) = text.split_at(1);
    [brace, CONTEXT, ",", members].concat()
}

pub(crate) fn encode(event: &Event) -> String {
    serde_json::to_string(event).expect("events have text keys")
}

pub(crate) fn decode(text: &str) -> Event {
    serde_json::from_str(text).expect("it is an event")
}

// Setup leaks what it makes, so that no bench counts its drop, and does the work once.

pub(crate) fn text(bytes: usize, place: Place) -> &'static str {
    let text = leak(texts::text(bytes, place)).as_str();
    let is_there = place != Place::Absent;
    for read in [read_by_struct, read_by_value, read_checked, read_unchecked] {
        assert_eq!(read(text).is_some(), is_there);
    }
    for written in [write_by_raw_values(text), write_by_value(text), splice(text)] {
        assert!(read_checked(&written).is_some());
    }
    assert_eq!(encode(&decode(text)).len(), bytes);
    text
}

pub(crate) fn event(bytes: usize) -> &'static Event {
    let event = leak(texts::event(bytes));
    assert!(decode(&encode(event)) == *event);
    event
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
