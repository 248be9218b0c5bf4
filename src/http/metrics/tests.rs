use std::sync::Arc;

use ::http::{Method, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::{Ended, Labels, Metrics};
use crate::http::recorded_metrics::RecordedMetrics;
use crate::http::semconv::KnownMethod;
use crate::http::side::Side;
use crate::http::spans::scope;
use crate::limits;

fn metrics(side: Side, recorded: &RecordedMetrics) -> Arc<Metrics> {
    Arc::new(Metrics::of(side, recorded.provider().meter_with_scope(scope())))
}

fn labels(method: Method) -> Labels {
    Labels {
        method: KnownMethod::of(&method),
        scheme: Some("https"),
        version: Some("2"),
        server: None,
        template: None,
    }
}

fn ok() -> Ended<'static> {
    Ended { status: Some(StatusCode::OK), route: Some("/users/{id}"), ..Ended::default() }
}

#[test]
fn a_server_measures_what_the_conventions_name() {
    let recorded = RecordedMetrics::new();
    let metrics = metrics(Side::Server, &recorded);
    let metered = metrics.begin(labels(Method::GET), Some(3));
    assert_eq!(
        recorded.lines(),
        ["http.server.active_requests 1 {request} http.request.method=GET url.scheme=https"]
    );
    metered.end(Ended { response_bytes: Some(5), ..ok() });
    let series = "http.request.method=GET http.response.status_code=200 http.route=/users/{id} \
                  network.protocol.version=2 url.scheme=https";
    assert_eq!(
        recorded.lines(),
        [
            "http.server.active_requests 0 {request} http.request.method=GET url.scheme=https"
                .to_owned(),
            format!("http.server.request.body.size 3/1 By {series}"),
            format!("http.server.request.duration 1 s {series}"),
            format!("http.server.response.body.size 5/1 By {series}"),
        ]
    );
}

#[test]
fn a_client_measures_its_calls_by_server_and_template() {
    let recorded = RecordedMetrics::new();
    let labels = Labels {
        scheme: None,
        server: Some((Arc::from("api.example"), Some(443))),
        template: Some("/users/{id}"),
        ..labels(Method::POST)
    };
    let not_found = Some(StatusCode::NOT_FOUND);
    let ended = Ended { error_type: Some("404"), status: not_found, ..Ended::default() };
    metrics(Side::Client, &recorded).begin(labels, None).end(ended);
    assert_eq!(
        recorded.lines(),
        ["http.client.request.duration 1 s error.type=404 http.request.method=POST \
          http.response.status_code=404 network.protocol.version=2 server.address=api.example \
          server.port=443 url.template=/users/{id}"]
    );
}

#[test]
fn a_request_that_is_only_dropped_is_not_active_any_more() {
    let recorded = RecordedMetrics::new();
    drop(metrics(Side::Server, &recorded).begin(labels(Method::GET), None));
    assert_eq!(
        recorded.lines(),
        ["http.server.active_requests 0 {request} http.request.method=GET url.scheme=https"]
    );
}

#[test]
fn labels_of_a_handler_come_to_the_others_and_win() {
    let recorded = RecordedMetrics::new();
    let own = vec![KeyValue::new("tenant", "blue"), KeyValue::new("http.route", "mine")];
    metrics(Side::Server, &recorded)
        .begin(labels(Method::GET), None)
        .end(Ended { labels: own, ..ok() });
    assert_eq!(
        recorded.of("http.server.request.duration"),
        ["1 s http.request.method=GET http.response.status_code=200 http.route=mine \
          network.protocol.version=2 tenant=blue url.scheme=https"]
    );
}

#[test]
fn the_table_is_bounded_and_what_lies_beyond_is_recorded_all_the_same() {
    let recorded = RecordedMetrics::new();
    let metrics = metrics(Side::Client, &recorded);
    let routes: Vec<_> = (0..limits::METRIC_SERIES + 5).map(|n| format!("/{n}")).collect();
    for route in routes.iter().chain(&routes) {
        let ended = Ended { route: Some(route), ..ok() };
        metrics.begin(labels(Method::GET), None).end(ended);
    }
    assert_eq!(metrics.series.read().unwrap().len(), limits::METRIC_SERIES);
    let lines = recorded.lines();
    assert_eq!(lines.len(), routes.len());
    assert!(lines.iter().all(|line| line.starts_with("http.client.request.duration 2 s")));
}

#[cfg(feature = "bound-metrics")]
#[test]
fn bound_instruments_say_the_same() {
    let lines = |make: fn(Side, opentelemetry::metrics::Meter) -> Metrics| {
        let recorded = RecordedMetrics::new();
        let meter = recorded.provider().meter_with_scope(scope());
        let metrics = Arc::new(make(Side::Server, meter));
        for status in [StatusCode::OK, StatusCode::OK, StatusCode::NOT_FOUND] {
            let ended = Ended { status: Some(status), response_bytes: Some(2), ..Ended::default() };
            metrics.begin(labels(Method::GET), Some(1)).end(ended);
        }
        let waiting = metrics.begin(labels(Method::PUT), None);
        let lines = recorded.lines();
        drop(waiting);
        lines
    };
    assert_eq!(lines(Metrics::bound), lines(Metrics::of));
    assert_eq!(lines(Metrics::of).len(), 8);
}
