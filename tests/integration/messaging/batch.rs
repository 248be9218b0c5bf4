use throughline::messaging::MessageView;

use super::{PARENT, headers, orders};
use crate::checked_spans::CheckedSpans;

/// A sampled parent in a trace of its own.
fn parent(n: usize) -> String {
    format!("00-{:032x}-{:016x}-01", n + 1, n + 1)
}

#[test]
fn ms_2_a_batch_links_to_its_messages() {
    let spans = CheckedSpans::new();
    let batch = [
        headers(&[("traceparent", &parent(0))]),
        headers(&[("traceparent", &parent(1))]),
        headers(&[]),
        headers(&[("traceparent", "nonsense")]),
    ];
    let view = MessageView::new().body_bytes(40);
    orders(&spans).process_batch(view, &batch).succeeded();
    let span = spans.only();
    assert_eq!(span.parent_span_id, None);
    let linked: Vec<_> = span.links.iter().map(|link| link.trace_id.clone()).collect();
    assert_eq!(linked, [&parent(0)[3..35], &parent(1)[3..35]]);
    assert_eq!(span.attribute("messaging.batch.message_count"), Some("4"));
    assert_eq!(span.attribute("messaging.message.body.size"), Some("40"));
    assert_eq!(span.attribute("throughline.links.dropped"), None);
}

#[test]
fn ms_2_links_above_128_are_counted() {
    for (messages, links, dropped) in
        [(128, 128, None), (129, 128, Some("1")), (300, 128, Some("172"))]
    {
        let spans = CheckedSpans::new();
        let batch: Vec<_> =
            (0..messages).map(|n| headers(&[("traceparent", &parent(n))])).collect();
        orders(&spans).process_batch(MessageView::new(), &batch).succeeded();
        let span = spans.only();
        assert_eq!(
            (span.links.len(), span.attribute("throughline.links.dropped")),
            (links, dropped)
        );
        assert_eq!(span.attribute("messaging.batch.message_count"), Some(&*messages.to_string()));
    }
}

#[test]
fn messages_of_one_span_share_a_link() {
    let spans = CheckedSpans::new();
    let batch = [0, 1, 0, 1, 0].map(|n| headers(&[("traceparent", &parent(n))]));
    orders(&spans).process_batch(MessageView::new(), &batch).succeeded();
    let linked: Vec<_> = spans.only().links.into_iter().map(|link| link.trace_id).collect();
    assert_eq!(linked, [&parent(0)[3..35], &parent(1)[3..35]]);
}

#[test]
fn without_spans_a_batch_goes_on_without_a_context() {
    let spans = CheckedSpans::new();
    let batch = [headers(&[("traceparent", PARENT)])];
    let processing = orders(&spans).propagate_only().process_batch(MessageView::new(), &batch);
    assert!(processing.context().is_empty());
    processing.succeeded();
}
