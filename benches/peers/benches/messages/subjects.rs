//! Who is measured, and with what.

use std::hint::black_box;

use throughline::context::{Decision, SpanId, TraceParent};

use crate::elsewhere;
use crate::texts::{self, Place, TRACEPARENT};
use crate::work::{Work, plain_encode};

/// Somebody's work on a message of some size.
pub(crate) struct Subject {
    pub(crate) work: &'static str,
    pub(crate) who: &'static str,
    pub(crate) once: Box<dyn FnMut()>,
}

/// What all others are compared with.
pub(crate) const COPY: &str = "copy";
pub(crate) const OURS: &str = "throughline";

/// With the copy first.
pub(crate) fn subjects(bytes: usize) -> Vec<Subject> {
    let text = leak(texts::text(bytes, Place::Absent)).as_str();
    let mut subjects = vec![subject(COPY, "into a new `String`", move || text.to_owned())];
    for (place, work) in [
        (Place::First, "read, context first"),
        (Place::Middle, "read, in the middle"),
        (Place::Last, "read, last"),
        (Place::Absent, "read, none there"),
    ] {
        subjects.extend(readers(work, bytes, place));
    }
    subjects.extend(writers(bytes));
    subjects.extend(relays(bytes));
    subjects.extend(typed(bytes));
    subjects
}

fn readers(work: &'static str, bytes: usize, place: Place) -> [Subject; 5] {
    let ours = leak(Work::on(bytes, place));
    let text = ours.text.as_str();
    let is_there = place != Place::Absent;
    assert_eq!(ours.extract(), is_there);
    for read in [
        elsewhere::read_by_struct,
        elsewhere::read_by_value,
        elsewhere::read_checked,
        elsewhere::read_unchecked,
    ] {
        assert_eq!(read(text).is_some(), is_there);
    }
    [
        subject(work, OURS, move || black_box(ours).extract()),
        subject(work, "sonic-rs, `get_unchecked`", move || {
            elsewhere::read_unchecked(black_box(text))
        }),
        subject(work, "sonic-rs, `get`", move || elsewhere::read_checked(black_box(text))),
        subject(work, "serde_json, struct", move || elsewhere::read_by_struct(black_box(text))),
        subject(work, "serde_json, `Value`", move || elsewhere::read_by_value(black_box(text))),
    ]
}

fn writers(bytes: usize) -> [Subject; 4] {
    let ours = leak(Work::on(bytes, Place::Absent));
    let text = ours.text.as_str();
    [
        subject("prepend", OURS, move || black_box(ours).prepend()),
        subject("inject", OURS, move || black_box(ours).inject()),
        subject("inject", "serde_json, `RawValue`s", move || {
            elsewhere::write_by_raw_values(black_box(text))
        }),
        subject("inject", "serde_json, `Value`", move || {
            elsewhere::write_by_value(black_box(text))
        }),
    ]
}

fn relays(bytes: usize) -> [Subject; 4] {
    let ours = leak(Work::on(bytes, Place::First));
    let text = ours.text.as_str();
    let mut own = Work::on(bytes, Place::First);
    let parent: TraceParent = TRACEPARENT.parse().expect("it is valid");
    let mut spans = [7, 8]
        .map(|id| parent.child(SpanId::from_u64(id).expect("it is not zero"), Decision::Sampled));
    [
        subject("relay, a received text", OURS, move || black_box(ours).forward()),
        subject("relay, replace all of it", OURS, move || black_box(ours).replace()),
        subject("relay, a received text", "serde_json, `Value`", move || {
            elsewhere::write_by_value(black_box(text))
        }),
        subject("relay, in place", OURS, move || {
            spans.swap(0, 1);
            assert!(own.relay.reparent(black_box(&mut own.text), &spans[0]));
        }),
    ]
}

fn typed(bytes: usize) -> [Subject; 4] {
    let event = leak(texts::event(bytes));
    let ours = leak(Work::on(bytes, Place::First));
    let plain = leak(Work::on(bytes, Place::Absent));
    assert!(ours.decode() == *event && plain.plain_decode() == *event);
    [
        subject("typed, encode", "serde_json alone", move || plain_encode(black_box(event))),
        subject("typed, encode", OURS, move || black_box(ours).encode(black_box(event))),
        subject("typed, decode", "serde_json alone", move || black_box(plain).plain_decode()),
        subject("typed, decode", OURS, move || black_box(ours).decode()),
    ]
}

fn subject<T>(
    work: &'static str,
    who: &'static str,
    mut once: impl FnMut() -> T + 'static,
) -> Subject {
    Subject { work, who, once: Box::new(move || drop(black_box(once()))) }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
