use opentelemetry::trace::Link;

use crate::otel::Links;

/// The links of one span to the messages that it works on together (rule MS-2).
///
/// A batch has many parents, and a span can be the child of one only. Which links are kept, [`Links`] says.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use throughline::otel::ActiveSpan;
/// use throughline::task::{Carried, channel, links};
/// use throughline_testkit::InMemorySpans;
///
/// let spans = InMemorySpans::new();
/// let tracer = spans.provider().tracer("docs");
/// let (rows, mut received) = channel::mpsc(8);
/// tracer.in_span("first", |_| rows.try_send(1).unwrap());
/// tracer.in_span("second", |_| rows.try_send(2).unwrap());
///
/// let mut batch = Vec::new();
/// received.recv_many(&mut batch, 8).await;
/// let insert = links(batch.iter().map(Carried::link)).add_to(tracer.span_builder("insert"));
/// ActiveSpan::start(&tracer, insert).in_scope(|| ());
/// assert_eq!(spans.finished()[2].links.len(), 2);
/// # });
/// ```
///
/// Context that came in with a message of another kind links by [`link_to`](crate::otel::link_to).
pub fn links<L: Into<Option<Link>>>(batch: impl IntoIterator<Item = L>) -> Links {
    let mut links = Links::default();
    links.extend(batch.into_iter().filter_map(Into::into));
    links
}
