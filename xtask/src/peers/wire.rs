//! The wire formats, as propagators read and write them.

use super::table::{Column, Table, row};
use super::{DATADOG, OURS, PEERS};

pub(super) const WIRE: Table = Table {
    title: "Wire formats",
    columns: &[
        Column {
            name: "throughline",
            package: "throughline",
            manifest: OURS,
            group: "wire",
            counted: (PEERS, "throughline"),
        },
        peer("OpenTelemetry", "opentelemetry_sdk", PEERS, "text_map"),
        peer("Datadog", "datadog-opentelemetry", DATADOG, "text_map"),
        peer("Sentry", "sentry-core", PEERS, "sentry_trace"),
        peer("fastrace", "fastrace", PEERS, "fastrace_text"),
        peer("floor", "", PEERS, "floor"),
    ],
    rows: &[
        row("parse `traceparent`", "parse", "parse_traceparent.valid"),
        row("refuse a bad one", "refuse", "parse_traceparent.refused"),
        row("extract `traceparent`", "extract_traceparent", "extract_traceparent.traceparent"),
        row("extract all three", "extract_all_three", "extract_all_three.w3c"),
        row("extract nothing", "extract_nothing", "extract_nothing.default"),
        row("extract baggage of 64, plain", "extract_baggage_plain", "extract_baggage_of_64.plain"),
        row("the same, encoded", "extract_baggage_encoded", "extract_baggage_of_64.encoded"),
        row("extract `tracestate` of 32", "extract_tracestate", "extract_tracestate_of_32.full"),
        row("inject `traceparent`", "inject_traceparent", "inject_traceparent.reused_map"),
        row("inject all three", "inject_all_three", "inject_all_three.reused_map"),
        row("inject all three, new map", "inject_into_new", "inject_all_three_into_new.new_map"),
        row("all formats, in and out", "all_formats", "extract_and_inject_all.all"),
    ],
    notes: &[
        ("OpenTelemetry", "parse", 'm'),
        ("OpenTelemetry", "refuse", 'm'),
        ("Datadog", "parse", 'm'),
        ("Datadog", "refuse", 'm'),
        ("Sentry", "parse", 's'),
        ("Sentry", "refuse", 's'),
        ("Sentry", "extract_traceparent", 's'),
        ("fastrace", "extract_tracestate", 't'),
        ("fastrace", "inject_traceparent", 't'),
    ],
    marks: &[
        ('m', "from a header map: there is no function for the text"),
        ('s', "its own header `sentry-trace`, from a map with the organization in baggage"),
        ('t', "the text alone: `tracestate` is not looked into, `traceparent` not put into a map"),
    ],
    legend: "\
A request of eleven headers with `traceparent`, `tracestate` of three and baggage of eight members.
The floor is the same work without its checks, in safe code: nobody could ship it.",
};

const fn peer(
    name: &'static str,
    package: &'static str,
    manifest: &'static str,
    group: &'static str,
) -> Column {
    Column { name, package, manifest, group, counted: (manifest, group) }
}
