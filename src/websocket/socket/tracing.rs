use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;

use super::open_connections::{Open, OpenConnections};
use super::{Envelope, Frame, Message};
use crate::context::TraceContext;
use crate::messaging::{CONTEXT_OMITTED, Messaging, Sending};
use crate::propagation::{Extraction, Targets};

/// How the messages of a WebSocket are traced, for one connection or many: made once, cloned for each.
///
/// ```
/// use throughline::messaging::{Messaging, ParentMode};
/// use throughline::websocket::{Envelope, SocketTracing};
///
/// // The usual: `_trace` and `_sentry` in JSON, spans and metrics of the global providers.
/// let usual = SocketTracing::new(Envelope::json());
///
/// let own = SocketTracing::new(Envelope::json())
///     .messaging(Messaging::new("websocket").destination("events").parent(ParentMode::Link))
///     .max_message_bytes(64 * 1024);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SocketTracing {
    pub(super) envelope: Arc<Envelope>,
    frame: Arc<Frame>,
    pub(super) messaging: Messaging,
    pub(super) connection_span: bool,
    pub(super) targets: Targets,
    max_message_bytes: usize,
    open: Arc<OpenConnections>,
}

impl SocketTracing {
    /// Context in this envelope, spans and metrics of a [`Messaging`] for the system `websocket`.
    pub fn new(envelope: Envelope) -> Self {
        Self {
            frame: Arc::new(Frame::new().propagation(envelope.propagator().clone())),
            envelope: Arc::new(envelope),
            messaging: Messaging::new("websocket"),
            connection_span: true,
            targets: Targets::all(),
            max_message_bytes: usize::MAX,
            open: Arc::default(),
        }
    }

    /// Whose spans and metrics the messages have, and how the span of a received one is bound to its
    /// sender's. The connection's span and metric are of the same providers.
    pub fn messaging(self, messaging: Messaging) -> Self {
        Self { messaging, open: Arc::default(), ..self }
    }

    /// Opens no spans and measures nothing, for applications with spans of their own: the current
    /// context is sent as it is, and what came in a message is current while it is processed.
    pub fn propagate_only(self) -> Self {
        let messaging = self.messaging.clone().propagate_only();
        self.messaging(messaging)
    }

    /// Whether a connection has a span, which lasts as long as it; by default it has. Messages link to
    /// it and are never its children (rule MS-6).
    pub fn connection_span(self, opened: bool) -> Self {
        Self { connection_span: opened, ..self }
    }

    /// The longest message in bytes that the other side takes. An event that would become longer by its
    /// context goes out without it, and its span says so: `throughline.context.omitted`. Unlimited by
    /// default.
    pub fn max_message_bytes(self, bytes: usize) -> Self {
        Self { max_message_bytes: bytes, ..self }
    }

    /// The servers that a handshake may tell the context (rule TR-3); all by default.
    pub fn targets(self, targets: Targets) -> Self {
        Self { targets, ..self }
    }
}

impl SocketTracing {
    /// Counts a connection as open, until what is returned is dropped.
    pub(super) fn count_connection(&self) -> Option<Open> {
        self.open.count(&self.messaging)
    }

    /// A message without its frame, if it has one, and what came in it; `None` if it is of a kind that
    /// carries no context.
    pub(super) fn open<M: Message>(&self, message: M, is_framed: bool) -> (M, Option<Extraction>) {
        if let Some(text) = message.as_text() {
            let extraction = self.envelope.extract(text);
            return (message, Some(extraction));
        }
        if !is_framed || message.as_binary().is_none() {
            return (message, None);
        }
        match message.into_payload() {
            Ok(framed) => {
                let (payload, extraction) = self.frame.decode(&framed);
                (M::from_binary(payload), Some(extraction))
            }
            Err(message) => (message, None),
        }
    }

    /// A binary message with the context in its frame, as far as there is room.
    pub(super) fn frame<M: Message>(&self, payload: &[u8], sending: &Sending) -> M {
        let framed = self.frame.encode(payload, &sending.context());
        let omitted = framed.len() > self.max_message_bytes;
        let framed = match omitted {
            true => self.frame.encode(payload, &TraceContext::new()),
            false => framed,
        };
        describe(sending, framed.len(), omitted);
        M::from_binary(framed.into())
    }

    /// A message with the event and its context in it, as far as there is room.
    pub(super) fn encode<T, M>(&self, event: &T, sending: &Sending) -> serde_json::Result<M>
    where
        T: Serialize + ?Sized,
        M: Message,
    {
        let mut text = self.envelope.encode_with(event, &sending.context())?;
        let omitted = text.len() > self.max_message_bytes;
        if omitted {
            text = self.envelope.encode_with(event, &TraceContext::new())?;
        }
        describe(sending, text.len(), omitted);
        Ok(M::from_text(text))
    }
}

/// Says on a span what became of its message.
pub(super) fn describe(sending: &Sending, body_bytes: usize, omitted: bool) {
    if !sending.is_recording() {
        return;
    }
    let span = sending.cx().span();
    let bytes = i64::try_from(body_bytes).unwrap_or(i64::MAX);
    span.set_attribute(KeyValue::new("messaging.message.body.size", bytes));
    if omitted {
        span.set_attribute(KeyValue::new(CONTEXT_OMITTED, true));
    }
}

impl From<Envelope> for SocketTracing {
    fn from(envelope: Envelope) -> Self {
        Self::new(envelope)
    }
}
