//! How often the same work allocates, in this library's layers and in others.

use std::thread;

use http::HeaderMap;

#[path = "work/client.rs"]
mod client;
#[path = "../../../client/work.rs"]
mod client_work;
#[path = "../../benches/work/count.rs"]
mod count;
#[path = "../../../http/discarded.rs"]
mod discarded;
#[expect(dead_code, reason = "the wire formats are measured with more of it")]
#[path = "../../../wire/input.rs"]
mod input;
#[path = "work/installed.rs"]
mod installed;
#[path = "../../../http/measured.rs"]
mod measured;
#[path = "work/server.rs"]
mod server;
#[path = "../../../server/work.rs"]
mod server_work;
#[path = "work/throughline.rs"]
mod throughline_work;

use client_work::{send, w3c};
use count::count;
use discarded::unsampled;
use input::{
    SENTRY_TRACE, request_with_all, request_with_other_baggage, request_with_traceparent,
    request_without_trace,
};
use server::by_sentry;
use server_work::{drive, request};
use throughline::http::{ClientLayer, ServerLayer};

fn main() {
    // Behind the first four there is a subscriber, for whose events the others would have to pay.
    // What is current on a thread ends with it.
    for peers in [our_server, our_client, servers, clients, tracing_servers, tracing_clients] {
        thread::spawn(peers).join().expect("the work does not panic");
    }
}

/// The headers of a row, by the id of its benches.
type Headers = (&'static str, fn() -> HeaderMap);

const SPANS: [Headers; 4] = [
    ("traceparent", request_with_traceparent),
    ("all_three", request_with_other_baggage),
    ("unsampled", parent_unsampled),
    ("no_context", request_without_trace),
];
const CLIENT_SPANS: [Headers; 3] = [
    ("sampled", request_with_traceparent),
    ("all_three", request_with_other_baggage),
    ("unsampled", parent_unsampled),
];
const MEASURED: [Headers; 2] =
    [("measured", request_with_traceparent), ("measured_unsampled", parent_unsampled)];

fn parent_unsampled() -> HeaderMap {
    unsampled(request_with_traceparent())
}

fn our_server() {
    use server_work::spans;
    use throughline_work::{server, server_measured};
    let group = "server_throughline";
    let with = |id, headers: fn() -> HeaderMap, layer: fn() -> ServerLayer| {
        count(group, id, || server(headers(), layer()), |(server, request)| drive(server, request));
    };
    let parent = || request(request_with_traceparent());
    count(group, "bare", parent, |request| drive(&mut server_work::Bare, request));
    for (id, headers) in SPANS {
        with(id, headers, spans);
    }
    with("not_mirrored", request_with_other_baggage, || spans().mirror_trace_state(false));
    for (id, headers) in MEASURED {
        with(id, headers, server_measured);
    }
    let by_any = || spans().meter_provider(measured::meter_provider());
    with("measured_by_any", request_with_traceparent, by_any);
    with("all_formats", request_with_all, ServerLayer::propagate_only);
    with("nothing", request_without_trace, ServerLayer::propagate_only);
}

fn our_client() {
    use client_work::spans;
    use throughline_work::{client, client_measured};
    let group = "client_throughline";
    let with = |id, headers: fn() -> HeaderMap, layer: fn() -> ClientLayer| {
        count(group, id, || client(headers(), layer()), |(client, uri)| send(client, uri));
    };
    count(group, "bare", client_work::uri, |uri| send(&mut client_work::Bare, &uri));
    let three = || ClientLayer::propagate_only().propagation(w3c());
    with("three_headers", request_with_other_baggage, three);
    with("all_formats", request_with_all, ClientLayer::propagate_only);
    with("nothing", request_without_trace, ClientLayer::propagate_only);
    with("sampled", request_with_traceparent, spans);
    with("all_three", request_with_all, spans);
    with("unsampled", parent_unsampled, spans);
    for (id, headers) in MEASURED {
        with(id, headers, client_measured);
    }
}

fn servers() {
    for (id, headers) in SPANS {
        count("server_contrib", id, || server::contrib(headers()), |(s, r)| drive(s, r));
    }
    for (id, headers) in MEASURED {
        count("server_contrib", id, || server::contrib_measured(headers()), |(s, r)| drive(s, r));
    }
    for (id, headers) in SPANS {
        // It reads one header only.
        if id != "all_three" {
            count("server_fastrace", id, || server::fastrace(headers()), |(s, r)| drive(s, r));
        }
    }
    let sentry: [Headers; 4] = [
        ("traceparent", || by_sentry(request_with_traceparent(), SENTRY_TRACE)),
        ("all_three", request_with_all),
        ("unsampled", || by_sentry(request_with_traceparent(), server::UNSAMPLED)),
        ("no_context", request_without_trace),
    ];
    for (id, headers) in sentry {
        count("server_sentry", id, || server::sentry(headers()), |(s, r)| drive(s, r));
    }
}

fn tracing_servers() {
    for (id, headers) in SPANS {
        count("server_tower_otel", id, || server::tower_otel(headers()), |(s, r)| drive(s, r));
        let axum_tracing = || server::axum_tracing(headers());
        count("server_axum_tracing", id, axum_tracing, |(s, r)| drive(s, r));
    }
    for (id, headers) in MEASURED {
        let measured = || server::tower_otel_measured(headers());
        count("server_tower_otel", id, measured, |(s, r)| drive(s, r));
    }
}

fn clients() {
    let group = "client_by_hand";
    let three = || client::by_hand(request_with_other_baggage());
    count(group, "three_headers", three, client::inject);
    for (id, headers) in CLIENT_SPANS {
        count(group, id, || client::by_hand(headers()), client::traced_by_hand);
    }
    let three = || client::fastrace(request_with_other_baggage());
    count("client_fastrace", "three_headers", three, |(client, uri)| send(client, uri));
}

fn tracing_clients() {
    let group = "client_tower_otel";
    for (id, headers) in CLIENT_SPANS {
        count(group, id, || client::tower_otel(headers()), |(client, uri)| send(client, uri));
    }
    for (id, headers) in MEASURED {
        count(group, id, || client::tower_otel_measured(headers()), client::send_empty);
    }
}
