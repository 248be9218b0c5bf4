//! What is done to messages, for the bench and for the allocation counts.

use throughline::context::{Decision, SpanId, TraceContext, TraceParent};
use throughline::websocket::{Envelope, Relay};

use super::texts::{self, Event, Place, TRACEPARENT};

/// A text with whatever is needed to work on it.
pub(crate) struct Work {
    pub(crate) text: String,
    pub(crate) relay: Relay,
    /// The context that [`CONTEXT`](texts::CONTEXT) says.
    pub(crate) context: TraceContext,
    /// That of a span of the relay's.
    pub(crate) own: TraceContext,
}

impl Work {
    pub(crate) fn on(bytes: usize, place: Place) -> Self {
        let parent: TraceParent = TRACEPARENT.parse().expect("it is valid");
        let span = SpanId::from_u64(7).expect("it is not zero");
        Self {
            text: texts::text(bytes, place),
            relay: Relay::new(Envelope::json()),
            context: parent.into(),
            own: parent.child(span, Decision::Sampled).into(),
        }
    }

    pub(crate) fn envelope(&self) -> &Envelope {
        self.relay.envelope()
    }

    /// Whether a context was found.
    pub(crate) fn extract(&self) -> bool {
        self.envelope().extract(&self.text).context.parent().is_some()
    }

    pub(crate) fn inject(&self) -> String {
        self.envelope().inject(&self.text, &self.context).into_owned()
    }

    pub(crate) fn prepend(&self) -> String {
        self.envelope().prepend(&self.text, &self.context).into_owned()
    }

    pub(crate) fn replace(&self) -> String {
        self.envelope().replace(&self.text, &self.own).into_owned()
    }

    pub(crate) fn forward(&self) -> String {
        self.relay.forward_text(&self.text, &self.own).into_owned()
    }

    /// Whether the text was changed in place.
    pub(crate) fn reparent(&mut self) -> bool {
        let Some(own) = self.own.parent() else { return false };
        self.relay.reparent(&mut self.text, own)
    }

    pub(crate) fn encode(&self, event: &Event) -> String {
        self.envelope().encode_with(event, &self.context).expect("events have text keys")
    }

    pub(crate) fn decode(&self) -> Event {
        self.envelope().decode(&self.text).expect("it is an event").0
    }

    pub(crate) fn plain_decode(&self) -> Event {
        serde_json::from_str(&self.text).expect("it is an event")
    }
}

pub(crate) fn plain_encode(event: &Event) -> String {
    serde_json::to_string(event).expect("events have text keys")
}
