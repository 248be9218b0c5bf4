//! One span for many messages.

use opentelemetry::trace::{Link, Tracer};
use throughline::limits::BATCH_LINKS;
use throughline::otel::ActiveSpan;
use throughline::task::{Carried, Links, channel, links};
use throughline_testkit::SpanRecord;

use super::tracer;
use crate::checked_spans::CheckedSpans;

/// The span of a batch of so many messages, each sent in so many spans of its own.
async fn worked_on(spans: &CheckedSpans, messages: usize) -> SpanRecord {
    let tracer = tracer(spans);
    let (sender, mut receiver) = channel::mpsc(messages);
    for number in 0..messages {
        tracer.in_span("send", |_| sender.try_send(number).unwrap());
    }
    let mut batch = Vec::new();
    receiver.recv_many(&mut batch, messages).await;
    let builder = links(batch.iter().map(Carried::link)).add_to(tracer.span_builder("insert"));
    ActiveSpan::start(&tracer, builder).in_scope(|| ());
    spans.finished().pop().unwrap()
}

#[tokio::test]
async fn ms_2_a_batch_of_three_hundred_traces_has_the_links_that_fit_and_says_how_many_do_not() {
    let spans = CheckedSpans::new();
    let insert = worked_on(&spans, 300).await;
    let sent: Vec<_> = spans.finished().iter().map(|span| span.span_id.clone()).collect();
    let linked: Vec<_> = insert.links.iter().map(|link| link.span_id.clone()).collect();
    assert_eq!(linked, sent[..BATCH_LINKS]);
    assert_eq!(insert.attribute(Links::DROPPED), Some("172"));
    assert_eq!(insert.parent_span_id, None);
}

#[tokio::test]
async fn a_batch_that_fits_says_nothing() {
    let spans = CheckedSpans::new();
    let insert = worked_on(&spans, BATCH_LINKS).await;
    assert_eq!(insert.links.len(), BATCH_LINKS);
    assert_eq!(insert.attribute(Links::DROPPED), None);
}

#[test]
fn messages_of_one_span_share_a_link_and_those_of_none_have_none() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let mut batch = vec![Carried::new(0)];
    tracer.in_span("send", |_| batch.extend((1..200).map(Carried::new)));
    batch.push(Carried::new(200));
    let kept = links(batch.iter().map(Carried::link));
    assert_eq!((kept.as_slice().len(), kept.dropped()), (1, 0));
    assert_eq!(links([Link::with_context(opentelemetry::trace::SpanContext::NONE)]).dropped(), 0);
    assert_eq!(links([None::<Link>]).as_slice().len(), 0);
}

#[test]
fn links_and_attributes_that_a_span_has_already_stay() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let link = |name: &'static str| tracer.in_span(name, |_| Carried::new(()).link().unwrap());
    let builder = tracer.span_builder("insert").with_links(vec![link("own")]);
    let builder = builder.with_attributes([opentelemetry::KeyValue::new("rows", 2)]);
    let many = (0..=BATCH_LINKS).map(|_| link("send"));
    let builder = links(many).add_to(builder);
    assert_eq!(builder.links.as_ref().unwrap().len(), BATCH_LINKS + 1);
    assert_eq!(builder.attributes.unwrap().len(), 2);
}
