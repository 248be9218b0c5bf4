//! The HTTP layers, around a service that does nothing.

use super::table::{Column, Table, row};
use super::{LAYERS, OURS};

pub(super) const SERVER: Table = Table {
    title: "Server layers",
    columns: &[
        ours("server", "server_throughline"),
        peer("instrumentation-tower", "opentelemetry-instrumentation-tower", "server_contrib"),
        peer("tower-otel", "tower-otel", "server_tower_otel"),
        peer("axum-tracing-opentelemetry", "axum-tracing-opentelemetry", "server_axum_tracing"),
        peer("sentry-tower", "sentry-tower", "server_sentry"),
        peer("fastrace-tower", "fastrace-tower", "server_fastrace"),
    ],
    rows: &[
        row("no layer", "bare", "bare_service.traceparent"),
        row("span, `traceparent`", "traceparent", "full_span.traceparent"),
        row("span, all three", "all_three", "full_span.all_with_state_mirrored"),
        row("the same, `tracestate` not mirrored", "not_mirrored", "full_span.all_without_mirror"),
        row("unsampled, `traceparent`", "unsampled", "full_span.unsampled"),
        row("no context", "no_context", "full_span.no_context"),
        row("with metrics", "measured", "with_metrics.sampled"),
        row("with metrics, unsampled", "measured_unsampled", "with_metrics.unsampled"),
        row("with metrics of any provider", "measured_by_any", "with_metrics.unbound"),
        row("propagate only, all formats", "all_formats", "propagate_only.all_formats"),
        row("propagate only, nothing there", "nothing", "propagate_only.nothing"),
    ],
    notes: &[
        ("sentry-tower", "traceparent", 's'),
        ("sentry-tower", "all_three", 's'),
        ("sentry-tower", "unsampled", 's'),
        ("fastrace-tower", "traceparent", 'n'),
        ("fastrace-tower", "unsampled", 'n'),
        ("fastrace-tower", "no_context", 'n'),
    ],
    marks: &[
        ('n', "its span has a name and no attributes, and is of `traceparent` alone"),
        ('s', "its own header `sentry-trace`; in place of `traceparent`, or beside all three"),
    ],
    legend: "\
Around a service that does nothing, which is included. Spans are dropped where they would be exported;
those of this library have all stable attributes and end with the body.",
};

pub(super) const CLIENT: Table = Table {
    title: "Client layers",
    columns: &[
        ours("client", "client_throughline"),
        peer("OpenTelemetry by hand", "opentelemetry_sdk", "client_by_hand"),
        peer("tower-otel", "tower-otel", "client_tower_otel"),
        peer("fastrace-tower", "fastrace-tower", "client_fastrace"),
    ],
    rows: &[
        row("no layer", "bare", "bare_client.request"),
        row("propagate only, three headers", "three_headers", "propagate_only.three_headers"),
        row("propagate only, all formats", "all_formats", "propagate_only.all_formats"),
        row("propagate only, no trace to send", "nothing", "propagate_only.nothing"),
        row("sampled span", "sampled", "full_span.sampled"),
        row("the same, `tracestate` mirrored", "all_three", "full_span.tracestate_mirrored"),
        row("unsampled span", "unsampled", "full_span.unsampled"),
        row("with metrics", "measured", "with_metrics.sampled"),
        row("with metrics, unsampled", "measured_unsampled", "with_metrics.unsampled"),
    ],
    notes: &[
        ("fastrace-tower", "three_headers", 't'),
        ("OpenTelemetry by hand", "all_three", '3'),
        ("tower-otel", "all_three", '3'),
    ],
    marks: &[('3', "three headers; ours are four"), ('t', "`traceparent` alone, and no span")],
    legend: "\
Around a client that does nothing, making the request included.",
};

const fn ours(group: &'static str, counted: &'static str) -> Column {
    Column {
        name: "throughline",
        package: "throughline",
        manifest: OURS,
        group,
        counted: (LAYERS, counted),
    }
}

const fn peer(name: &'static str, package: &'static str, group: &'static str) -> Column {
    Column { name, package, manifest: LAYERS, group, counted: (LAYERS, group) }
}
