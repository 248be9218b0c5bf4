use std::collections::HashSet;
use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Link, SpanBuilder};

use crate::limits;

/// The links of one span to the messages that it works on together (rule MS-2).
///
/// A batch has many parents, and a span can be the child of one only. Messages without a trace have no
/// link, several of the same span have one together. At most [`limits::BATCH_LINKS`] are kept, the first
/// ones; of how many messages the span is not linked to is said in [`DROPPED`](Links::DROPPED).
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
    batch.into_iter().filter_map(Into::into).for_each(|link| links.push(link));
    links
}

/// See [`links`].
#[derive(Clone, Default)]
#[must_use = "they belong to a span: `add_to` its builder"]
pub struct Links {
    kept: Vec<Link>,
    seen: HashSet<Target>,
    dropped: usize,
}

impl Links {
    /// The attribute with the number of messages that the span is not linked to, because it had links
    /// enough. Absent if there are none.
    pub const DROPPED: &str = "throughline.links.dropped";

    /// The links, in the order of their messages.
    #[must_use]
    pub fn as_slice(&self) -> &[Link] {
        &self.kept
    }

    /// How many messages no link leads to, because there were too many.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Gives the links to a span that is about to start, beside those that it has.
    pub fn add_to(self, mut builder: SpanBuilder) -> SpanBuilder {
        if self.dropped > 0 {
            let dropped = i64::try_from(self.dropped).unwrap_or(i64::MAX);
            builder.attributes.get_or_insert_default().push(KeyValue::new(Self::DROPPED, dropped));
        }
        builder.links.get_or_insert_default().extend(self.kept);
        builder
    }

    fn push(&mut self, link: Link) {
        let span = &link.span_context;
        let target = (span.trace_id().to_bytes(), span.span_id().to_bytes());
        if !span.is_valid() || self.seen.contains(&target) {
            return;
        }
        if self.kept.len() == limits::BATCH_LINKS {
            self.dropped += 1;
            return;
        }
        self.seen.insert(target);
        self.kept.push(link);
    }
}

/// Leaves out the links: a `tracestate` is part of them.
impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("kept", &self.kept.len())
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

/// Trace id and span id.
type Target = ([u8; 16], [u8; 8]);
