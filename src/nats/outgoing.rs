use async_nats::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry::trace::TraceContextExt;

use super::Nats;
use super::delivery::is_temporary;
use crate::context::TraceContext;
use crate::messaging::{CONTEXT_OMITTED, MessageView, Messaging, Sending};
use crate::otel::link_to;

/// Begins to send a message, and writes the context into its headers.
pub(super) fn begin(
    nats: &Nats,
    messaging: &Messaging,
    subject: &str,
    payload: &Bytes,
    headers: &mut Option<HeaderMap>,
    max_bytes: usize,
) -> Sending {
    let view = MessageView::new()
        .destination(subject)
        .temporary(is_temporary(subject))
        .body_bytes(payload.len());
    let brought = headers.as_ref().filter(|_| !nats.replace_context);
    let brought = brought.map(|headers| nats.propagator.extract(headers).context);
    if let Some(parent) = brought.as_ref().and_then(|context| context.parent()) {
        let link = link_to(parent);
        return messaging.send(view.link(&link.span_context));
    }
    let sending = messaging.send(view);
    inject(nats, &sending, payload, headers, max_bytes);
    sending
}

fn inject(
    nats: &Nats,
    sending: &Sending,
    payload: &Bytes,
    headers: &mut Option<HeaderMap>,
    max_bytes: usize,
) {
    let brought = headers.take().unwrap_or_default();
    let mut outgoing = brought.clone();
    nats.propagator.inject(&sending.context(), &mut outgoing);
    // The server counts headers in, and refuses the whole message. A lost context is the smaller loss.
    if wire_bytes(&outgoing).saturating_add(payload.len()) > max_bytes {
        outgoing = brought;
        // An older one would lead to the wrong span (rule TP-9).
        nats.propagator.inject(&TraceContext::new(), &mut outgoing);
        if sending.is_recording() {
            sending.cx().span().set_attribute(KeyValue::new(CONTEXT_OMITTED, true));
        }
    }
    *headers = Some(outgoing).filter(|headers| !headers.is_empty());
}

/// Bytes of headers as NATS counts them.
fn wire_bytes(headers: &HeaderMap) -> usize {
    let line = |name: &HeaderName, value: &HeaderValue| {
        AsRef::<[u8]>::as_ref(name).len() + ": \r\n".len() + value.as_str().len()
    };
    let lines =
        headers.iter().flat_map(|(name, values)| values.iter().map(move |value| line(name, value)));
    "NATS/1.0\r\n\r\n".len() + lines.sum::<usize>()
}
