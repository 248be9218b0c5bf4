use std::fmt;

use opentelemetry::trace::{Link, SpanContext};

/// What is known of one message, or of a batch. Nothing of it is copied unless a span records it.
///
/// ```
/// use throughline::messaging::MessageView;
///
/// let message = MessageView::new().destination("orders.42").body_bytes(512).id("7f3a");
/// ```
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct MessageView<'a> {
    pub(super) destination: Option<&'a str>,
    pub(super) temporary: bool,
    pub(super) id: Option<&'a str>,
    pub(super) body_bytes: Option<usize>,
    link: Option<&'a SpanContext>,
}

impl<'a> MessageView<'a> {
    /// A message that nothing is known of.
    pub fn new() -> Self {
        Self::default()
    }

    /// The queue, topic or subject of this message. Of a longer one than 256 bytes, the rest is left
    /// out.
    pub fn destination(self, name: &'a str) -> Self {
        Self { destination: Some(name), ..self }
    }

    /// The destination was made for this message, or a few: an inbox for replies. No span is named
    /// after it.
    pub fn temporary(self, temporary: bool) -> Self {
        Self { temporary, ..self }
    }

    /// The name that the system has for this message. Of a longer one than 256 bytes, the rest is left
    /// out.
    pub fn id(self, id: &'a str) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Bytes of the body, of all bodies in a batch, without headers.
    pub fn body_bytes(self, bytes: usize) -> Self {
        Self { body_bytes: Some(bytes), ..self }
    }

    /// A span that this one has to do with and is no child of, such as that of the connection
    /// (rule MS-6).
    pub fn link(self, span: &'a SpanContext) -> Self {
        Self { link: Some(span), ..self }
    }

    pub(super) fn to_link(self) -> Option<Link> {
        self.link.cloned().map(Link::with_context)
    }
}

/// Leaves out what a peer may have written: destination and id.
impl fmt::Debug for MessageView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageView")
            .field("temporary", &self.temporary)
            .field("body_bytes", &self.body_bytes)
            .finish_non_exhaustive()
    }
}
