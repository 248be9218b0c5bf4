use std::collections::HashSet;
use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Link, SpanBuilder};

use crate::limits;

/// The links of one span to the messages that it works on together (rule MS-2).
///
/// Messages without a trace have no link, several of the same span have one together. At most
/// [`limits::BATCH_LINKS`] are kept, the first ones; of how many messages the span is not linked to is said
/// in [`DROPPED`](Links::DROPPED).
///
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use throughline::context::TraceParent;
/// use throughline::otel::{ActiveSpan, Links, link_to};
/// use throughline_testkit::InMemorySpans;
///
/// let sent: TraceParent =
///     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
/// let mut links = Links::default();
/// links.extend([link_to(&sent), link_to(&sent)]);
///
/// let spans = InMemorySpans::new();
/// let tracer = spans.provider().tracer("docs");
/// ActiveSpan::start(&tracer, links.add_to(tracer.span_builder("insert"))).in_scope(|| ());
/// assert_eq!(spans.only().links.len(), 1);
/// ```
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

    pub(crate) fn into_vec(self) -> Vec<Link> {
        self.kept
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

impl Extend<Link> for Links {
    fn extend<I: IntoIterator<Item = Link>>(&mut self, links: I) {
        links.into_iter().for_each(|link| self.push(link));
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
