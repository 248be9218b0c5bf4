//! The allocations of messages, here and by libraries for JSON.

use crate::count::count;
use crate::elsewhere::{
    read_by_struct, read_by_value, read_checked, read_unchecked, write_by_raw_values,
    write_by_value,
};
use crate::messages::{decode, encode, event, splice, text};
use crate::texts::{self, Event, KB2, KB64, Place};
use crate::websocket_work::Work;

pub(crate) fn messages() {
    for (bytes, size) in [(KB2, "2kb"), (KB64, "64kb")] {
        ours(bytes, size);
        readers(bytes, size);
        writers(bytes, size);
        typed(bytes, size);
    }
}

const PLACES: [(&str, Place); 4] = [
    ("first", Place::First),
    ("middle", Place::Middle),
    ("last", Place::Last),
    ("absent", Place::Absent),
];

fn ours(bytes: usize, size: &str) {
    let with = |work: &str, place, run: fn(&mut Work)| {
        let id = format!("{work}_{size}");
        count("messages_throughline", &id, || Work::on(bytes, place), |mut work| run(&mut work));
    };
    for (name, place) in PLACES {
        with(&format!("read_{name}"), place, |work| {
            work.extract();
        });
    }
    with("prepend", Place::Absent, |work| drop(work.prepend()));
    with("inject", Place::Absent, |work| drop(work.inject()));
    with("relay", Place::First, |work| drop(work.forward()));
    with("in_place", Place::First, |work| assert!(work.reparent()));
    with("decode", Place::First, |work| drop(work.decode()));
    let setup = || (Work::on(bytes, Place::Absent), texts::event(bytes));
    let id = format!("encode_{size}");
    count("messages_throughline", &id, setup, |(work, event)| work.encode(&event));
}

fn readers(bytes: usize, size: &str) {
    for (name, place) in PLACES {
        let id = format!("read_{name}_{size}");
        let text = || text(bytes, place);
        count("messages_in_part", &id, text, |text| read_by_struct(text).is_some());
        count("messages_value", &id, text, |text| read_by_value(text).is_some());
        count("messages_checked", &id, text, |text| read_checked(text).is_some());
        count("messages_unchecked", &id, text, |text| read_unchecked(text).is_some());
    }
}

fn writers(bytes: usize, size: &str) {
    let with = |group, work: &str, place, write: fn(&str) -> String| {
        count(group, &format!("{work}_{size}"), || text(bytes, place), write);
    };
    with("messages_by_hand", "prepend", Place::Absent, splice);
    with("messages_in_part", "inject", Place::Absent, write_by_raw_values);
    with("messages_value", "inject", Place::Absent, write_by_value);
    with("messages_value", "relay", Place::First, write_by_value);
}

fn typed(bytes: usize, size: &str) {
    let group = "messages_in_part";
    count(group, &format!("encode_{size}"), || event(bytes), encode);
    let decoded: fn(&str) -> Event = decode;
    count(group, &format!("decode_{size}"), || text(bytes, Place::Absent), decoded);
}
