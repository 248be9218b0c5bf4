//! What leaves the broker: its own span is the next hop's parent, wherever a parent is named.

use http::StatusCode;
use serde_json::{Value, json};
use throughline_testkit::SpanRecord;

use crate::harness::{Bed, Socket, Target, ack, child, event, only, sh, summary, traceparent};

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const SPAN: &str = "7ee0a9e8d4b3c2a1";
const BAGGAGE: &str = "sentry-trace_id=771a43a4192642f0b136d5159a501700,sentry-public_key=abc,\
                       sentry-release=shop%401.0,sentry-environment=production,\
                       sentry-sample_rand=0.424242,sentry-sample_rate=0.5,sentry-sampled=true";

#[tokio::test]
async fn headers_and_payload_name_the_brokers_spans() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    let mut sent = event(1, "x");
    sent["_sentry"] = json!({"trace": format!("{TRACE}-{SPAN}-1"), "baggage": BAGGAGE});
    sent["_trace"] = json!({"traceparent": format!("00-{TRACE}-{SPAN}-01")});
    socket.send_event(&sent).await;
    assert_eq!(socket.answer().await, ack(1));
    socket.close().await;
    let request = target.next().await;
    broker.stop().await;

    let spans = bed.spans();
    let forward = only(&spans, "broker.forwardEvent.build-stream");
    assert_eq!((forward.trace_id.as_str(), forward.parent_span_id.as_deref()), (TRACE, Some(SPAN)));
    let client = child(&spans, forward);
    assert_eq!(client.kind.to_string(), "CLIENT");

    assert_eq!(request.header("sentry-trace").unwrap(), sentry_trace(client));
    assert_eq!(request.header("traceparent").unwrap(), traceparent(client, "01"));
    assert_eq!(request.header("baggage"), Some(BAGGAGE));
    let payload = request.json();
    let expected = json!({"trace": sentry_trace(forward), "baggage": BAGGAGE});
    assert_eq!(payload["_sentry"], expected);
    assert_eq!(payload["_trace"]["sentry-trace"], sentry_trace(forward));
    assert_eq!(payload["_trace"]["traceparent"], traceparent(forward, "01"));
    assert_eq!(payload["_trace"]["baggage"], BAGGAGE);
}

#[tokio::test]
async fn what_is_no_context_stays_as_it_was_written() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    let members = r#""seq":1 , "projectId":"p","commandId":"c","b":1.50,"a":[ 1e3,"\u00e9"],"type":"error","data":{"z":0,"a":-0.0}"#;
    socket.send(format!(r#"{{"_sentry":{{"trace":"{TRACE}-{SPAN}-1"}},{members}}}"#)).await;
    assert_eq!(socket.answer().await, ack(1));
    let body = target.next().await.body;
    assert!(body.ends_with(&format!("{members}}}")), "{body}");
    assert_eq!(body.matches("_sentry").count(), 1, "{body}");
    socket.close().await;
    broker.stop().await;
}

#[tokio::test]
async fn sentrys_trace_without_baggage_is_continued() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    let mut socket = Socket::acknowledged(&fleet.broker.url).await;
    let mut sent = event(1, "x");
    sent["_sentry"] = json!({"trace": format!("{TRACE}-{SPAN}-1")});
    socket.send_event(&sent).await;
    assert_eq!(socket.answer().await, ack(1));
    socket.close().await;
    fleet.stop().await;
    let spans = bed.spans();
    assert!(spans.iter().all(|span| span.trace_id == TRACE), "{spans:#?}");
    let forward = only(&spans, "broker.forwardEvent.build-stream");
    assert_eq!(forward.parent_span_id.as_deref(), Some(SPAN));
    assert_eq!(only(&spans, "COMMIT").service, "persistence");
}

#[tokio::test]
async fn an_event_without_context_begins_a_trace_at_the_broker() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    for (seq, context) in [(1, Value::Null), (2, json!({"trace": "nonsense", "baggage": "==;"}))] {
        let mut sent = event(seq, "x");
        sent["_sentry"] = context;
        socket.send_event(&sent).await;
        assert_eq!(socket.answer().await, ack(seq));
    }
    socket.close().await;
    broker.stop().await;
    let spans = bed.spans();
    let roots: Vec<_> = spans.iter().filter(|span| span.parent_span_id.is_none()).collect();
    assert_eq!(roots.len(), 2);
    assert_ne!(roots[0].trace_id, roots[1].trace_id);
    for root in roots {
        let request = target.next().await;
        assert_eq!(request.json()["_trace"]["traceparent"], traceparent(root, "03"));
    }
}

#[tokio::test]
async fn the_runners_sampling_context_travels_unchanged() {
    let bed = Bed::new().await;
    let mut target = Target::taking_all().await;
    let broker = bed.broker(&target.url).await;
    let environment =
        [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.0")];
    let runner = bed.runner_with(&broker.url, &sh("echo one"), &environment).end().await;
    runner.assert_success();
    let events = summary(&runner)["events"].as_u64().unwrap();
    let first = target.next_event().await;
    let baggage = first.header("baggage").unwrap().to_owned();
    let trace = summary(&runner)["traceId"].as_str().unwrap().to_owned();
    for member in [
        &format!("sentry-trace_id={trace}"),
        "sentry-release=pipeline",
        "sentry-sample_rand=0.",
        "sentry-sampled=true",
    ] {
        assert!(baggage.contains(member), "{member} is not in {baggage}");
    }
    for _ in 1..events {
        let request = target.next_event().await;
        assert_eq!(request.header("baggage"), Some(&*baggage));
        assert_eq!(request.json()["_sentry"]["baggage"], *baggage);
    }
    broker.stop().await;
}

#[tokio::test]
async fn the_broker_posts_again_what_the_api_could_not_take() {
    let bed = Bed::new().await;
    let status = |request| match request {
        0 => StatusCode::SERVICE_UNAVAILABLE,
        1 => StatusCode::BAD_GATEWAY,
        _ => StatusCode::OK,
    };
    let mut target = Target::start(status).await;
    let broker = bed.broker(&target.url).await;
    let mut socket = Socket::acknowledged(&broker.url).await;
    socket.send_event(&event(1, "x")).await;
    assert_eq!(socket.answer().await, ack(1));
    socket.close().await;
    broker.stop().await;

    let attempts = [target.next().await, target.next().await, target.next().await];
    assert!(attempts.iter().all(|attempt| attempt.body == attempts[0].body));
    let spans = bed.spans();
    let forward = only(&spans, "broker.forwardEvent.build-stream");
    let retries: Vec<_> = forward.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!((retries.as_slice(), forward.is_error()), (&["retry", "retry"][..], false));
    let mut clients: Vec<_> = spans.iter().filter(|span| span.name == "POST").collect();
    clients.sort_by_key(|span| span.start);
    let parents: Vec<_> = clients.iter().map(|client| traceparent(client, "03")).collect();
    let named: Vec<_> =
        attempts.iter().map(|attempt| attempt.header("traceparent").unwrap()).collect();
    assert_eq!(named, parents, "each attempt is a span of its own");
    assert!(clients[..2].iter().all(|span| span.is_error()) && !clients[2].is_error());
}

fn sentry_trace(span: &SpanRecord) -> String {
    format!("{}-{}-1", span.trace_id, span.span_id)
}
