//! A stranger's trace goes on in the API.

use http::StatusCode;
use serde_json::json;
use throughline_testkit::SpanRecord;

use crate::harness::{Bed, SECRET, Target, child, event, only, post, post_event};

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const SPAN: &str = "7ee0a9e8d4b3c2a1";
const DSC: &str = "sentry-trace_id=771a43a4192642f0b136d5159a501700,sentry-public_key=abc,\
                   sentry-release=shop%401.0,sentry-sample_rand=0.424242";

#[tokio::test]
async fn sentrys_headers_alone_are_continued() {
    let sentry = format!("{TRACE}-{SPAN}-1");
    let spans = spans_of(&[("sentry-trace", &sentry), ("baggage", DSC)]).await;
    assert_continued(&spans);
}

#[tokio::test]
async fn traceparent_alone_is_continued() {
    let spans = spans_of(&[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]).await;
    assert_continued(&spans);
}

#[tokio::test]
async fn all_three_headers_of_one_trace_are_continued_once() {
    let (sentry, w3c) = (format!("{TRACE}-{SPAN}-1"), format!("00-{TRACE}-{SPAN}-01"));
    let headers = [("sentry-trace", &*sentry), ("traceparent", &*w3c), ("baggage", DSC)];
    assert_continued(&spans_of(&headers).await);
}

#[tokio::test]
async fn a_bad_header_begins_a_new_trace_and_fails_no_request() {
    let spans = spans_of(&[("traceparent", "00-zz-zz-01"), ("sentry-trace", "x")]).await;
    let server = only(&spans, "POST /api/runner/events");
    assert_eq!(server.parent_span_id, None);
    assert_ne!(server.trace_id, TRACE);
}

#[tokio::test]
async fn a_callers_decision_against_a_trace_is_kept_and_passed_on() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let api = bed.api(&target.url).await;
    let sentry = format!("{TRACE}-{SPAN}-0");
    post_event(&api.url, &[("sentry-trace", &sentry)], &event(1, "x")).await;
    let next = target.next().await;
    let passed_on = next.header("sentry-trace").unwrap();
    assert!(passed_on.starts_with(TRACE) && passed_on.ends_with("-0"), "{passed_on}");
    assert!(next.header("traceparent").unwrap().ends_with("-00"));
    api.stop().await;
    assert!(bed.spans().is_empty(), "nobody wants spans of it");
}

#[tokio::test]
async fn a_payload_that_names_another_trace_does_not_mislead_the_api() {
    let bed = Bed::new().await;
    let api = bed.api("inprocess").await;
    let mut event = event(1, "x");
    event["_sentry"] = json!({"trace": "11111111111111111111111111111111-2222222222222222-1"});
    let sentry = format!("{TRACE}-{SPAN}-1");
    post_event(&api.url, &[("sentry-trace", &sentry)], &event).await;
    api.stop().await;
    assert_continued(&bed.spans());
}

#[tokio::test]
async fn a_refused_request_is_a_span_of_its_callers_trace() {
    let bed = Bed::new().await;
    let api = bed.api("inprocess").await;
    let (authorization, sentry) = (format!("Bearer {SECRET}"), format!("{TRACE}-{SPAN}-1"));
    let headers = [("authorization", authorization.as_str()), ("sentry-trace", sentry.as_str())];
    let answer = post(&format!("{}/api/runner/events", api.url), &headers, "{}").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    api.stop().await;
    let spans = bed.spans();
    let server = only(&spans, "POST /api/runner/events");
    assert_eq!((server.trace_id.as_str(), spans.len()), (TRACE, 1));
    assert_eq!(server.attribute("http.response.status_code"), Some("422"));
}

/// The spans of one event that is posted with these headers.
async fn spans_of(headers: &[(&str, &str)]) -> Vec<SpanRecord> {
    let bed = Bed::new().await;
    let persistence = bed.persistence().await;
    let api = bed.api(&persistence.url).await;
    post_event(&api.url, headers, &event(1, "x")).await;
    api.stop().await;
    persistence.stop().await;
    assert_eq!(bed.database().numbers().await, [1]);
    let trace = bed.database().rows("SELECT trace_id FROM generation_sessions").await;
    assert_eq!(trace, [bed.spans()[0].trace_id.clone()]);
    bed.spans()
}

/// Every span is of the stranger's trace, and the first has the stranger's span as its parent.
fn assert_continued(spans: &[SpanRecord]) {
    let server = only(spans, "POST /api/runner/events");
    assert_eq!((server.trace_id.as_str(), server.parent_span_id.as_deref()), (TRACE, Some(SPAN)));
    let api = child(spans, server);
    assert_eq!(api.name, "api.runner.events.build-stream");
    let persisted = only(spans, "persistent-processor.persistEvent.text-delta");
    assert_eq!((persisted.trace_id.as_str(), persisted.service.as_str()), (TRACE, "persistence"));
    assert!(spans.iter().all(|span| span.trace_id == TRACE));
    assert!(only(spans, "COMMIT").parent_span_id.as_ref() == Some(&persisted.span_id));
}
