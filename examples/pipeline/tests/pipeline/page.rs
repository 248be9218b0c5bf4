//! The web page as the last hop.

use throughline_testkit::{SpanRecord, Traces};

use crate::harness::{Bed, Browser, Fleet, Nats, PATIENCE, event, post_event, sh, summary};

#[tokio::test]
async fn a_page_in_a_browser_is_the_last_hop_of_the_runners_trace() {
    let bed = Bed::new().await;
    let fleet = bed.fleet().await;
    is_the_last_hop(bed, fleet).await;
}

#[tokio::test]
async fn a_page_is_the_last_hop_behind_a_stream_too() {
    let (bed, nats) = (Bed::new().await, Nats::start().await);
    let fleet = bed.fleet_over(&nats).await;
    is_the_last_hop(bed, fleet).await;
}

async fn is_the_last_hop(bed: Bed, fleet: Fleet) {
    let persistence = fleet.persistence.as_ref().unwrap();
    let browser = Browser::open(&persistence.url);
    follows(&bed, &fleet.api.url).await;

    let runner = bed.runner(&fleet.broker.url, &sh("echo one; echo two >&2")).end().await;
    runner.assert_success();
    let said = summary(&runner);
    let trace_id = said["traceId"].as_str().unwrap();
    let of_trace = |span: &&SpanRecord| span.trace_id == trace_id && span.name == "page.render";
    let events = usize::try_from(said["events"].as_u64().unwrap()).unwrap();
    let rendered = |spans: &[SpanRecord]| spans.iter().filter(of_trace).count() >= events;
    bed.receiver.wait_for(rendered, PATIENCE).await.unwrap();
    browser.close().await;
    fleet.stop().await;

    let spans = bed.spans();
    let traces = Traces::group(&spans);
    let trace = traces.get(trace_id).unwrap();
    assert!(trace.is_one_tree(), "{}", trace.tree());
    assert_eq!(trace.services(), ["runner", "broker", "api", "persistence", "page"]);
    assert_eq!(spans.iter().filter(of_trace).count(), events);
    let completed: Vec<_> = spans.iter().filter(of_trace).collect();
    let last = completed.iter().find(|s| s.attribute("session.status") == Some("completed"));
    assert_eq!(last.unwrap().attribute("event.commandId"), said["commandId"].as_str());
    for span in completed {
        let parent = spans.iter().find(|one| Some(&one.span_id) == span.parent_span_id.as_ref());
        let parent = parent.unwrap();
        assert_eq!((&*parent.service, &*parent.name), ("persistence", "broadcast"));
        assert_eq!((&*span.service, &*span.kind.to_string()), ("page", "CONSUMER"));
    }
}

/// Sends events until a page hears of them.
async fn follows(bed: &Bed, api: &str) {
    for seq in 1.. {
        post_event(api, &[], &event(seq, "x")).await;
        let broadcasts = usize::try_from(seq).unwrap();
        let spans = bed.spans_with(broadcasts, "broadcast").await;
        if spans.iter().any(|span| span.attribute("subscribers") == Some("1")) {
            return;
        }
    }
}
