//! The context of messages in JSON, as envelopes and libraries for JSON read and write it.

use super::table::{Column, Row, Table, row};
use super::{OURS, PEERS};

pub(super) const MESSAGES: Table = Table {
    title: "Messages in JSON",
    columns: &[
        Column {
            name: "throughline",
            package: "throughline",
            manifest: OURS,
            group: "websocket",
            counted: (PEERS, "messages_throughline"),
        },
        peer("spliced by hand", "", "messages_by_hand"),
        peer("serde_json in part", "serde_json", "messages_in_part"),
        peer("serde_json `Value`", "serde_json", "messages_value"),
        peer("sonic-rs `get`", "sonic-rs", "messages_checked"),
        peer("sonic-rs `get_unchecked`", "sonic-rs", "messages_unchecked"),
    ],
    rows: ROWS,
    notes: &[
        ("spliced by hand", "prepend_2kb", 'c'),
        ("spliced by hand", "prepend_64kb", 'c'),
        ("serde_json in part", "inject_2kb", 'r'),
        ("serde_json in part", "inject_64kb", 'r'),
        ("serde_json in part", "encode_2kb", 'w'),
        ("serde_json in part", "encode_64kb", 'w'),
        ("serde_json in part", "decode_2kb", 'w'),
        ("serde_json in part", "decode_64kb", 'w'),
    ],
    marks: &[
        ('c', "nothing is checked, and the context is a text already"),
        ('r', "a map of `RawValue`s, which writes a `traceparent` alone and sorts the members"),
        ('w', "the whole event without a context"),
    ],
    legend: "\
Events of a build with a parent alone for their context. Those who read end with a parsed parent; this
library looks for `tracestate`, baggage and Sentry's header too. In part: a struct of serde that skips
all else. *Prepend* is for texts that are known to have no context, *inject* looks for one first, *relay*
replaces it. What is written is not dropped, what is read is.",
};

const ROWS: &[Row] = &[
    row("read, context first, 2 KB", "read_first_2kb", "extract.first_2kb"),
    row("the same, 64 KB", "read_first_64kb", "extract.first_64kb"),
    row("read, in the middle, 2 KB", "read_middle_2kb", "extract.middle_2kb"),
    row("the same, 64 KB", "read_middle_64kb", "extract.middle_64kb"),
    row("read, last, 2 KB", "read_last_2kb", "extract.last_2kb"),
    row("the same, 64 KB", "read_last_64kb", "extract.last_64kb"),
    row("read, none there, 2 KB", "read_absent_2kb", "extract.absent_2kb"),
    row("the same, 64 KB", "read_absent_64kb", "extract.absent_64kb"),
    row("prepend, 2 KB", "prepend_2kb", "prepend.kb2"),
    row("the same, 64 KB", "prepend_64kb", "prepend.kb64"),
    row("inject, 2 KB", "inject_2kb", "inject.kb2"),
    row("the same, 64 KB", "inject_64kb", "inject.kb64"),
    row("relay, 2 KB", "relay_2kb", "forward.kb2"),
    row("the same, 64 KB", "relay_64kb", "forward.kb64"),
    row("relay, in place, 2 KB", "in_place_2kb", "reparent_in_place.kb2"),
    row("the same, 64 KB", "in_place_64kb", "reparent_in_place.kb64"),
    row("encode an event, 2 KB", "encode_2kb", "encode.kb2"),
    row("the same, 64 KB", "encode_64kb", "encode.kb64"),
    row("decode an event, 2 KB", "decode_2kb", "decode.kb2"),
    row("the same, 64 KB", "decode_64kb", "decode.kb64"),
];

const fn peer(name: &'static str, package: &'static str, group: &'static str) -> Column {
    Column { name, package, manifest: PEERS, group, counted: (PEERS, group) }
}
