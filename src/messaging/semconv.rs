//! Names and values of the
//! [messaging conventions](https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/) 1.42.

use crate::limits;

pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const MESSAGING_BATCH_MESSAGE_COUNT: &str = "messaging.batch.message_count";
pub(super) const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
pub(super) const MESSAGING_DESTINATION_TEMPLATE: &str = "messaging.destination.template";
pub(super) const MESSAGING_DESTINATION_TEMPORARY: &str = "messaging.destination.temporary";
pub(super) const MESSAGING_MESSAGE_BODY_SIZE: &str = "messaging.message.body.size";
pub(super) const MESSAGING_MESSAGE_ID: &str = "messaging.message.id";
pub(super) const MESSAGING_OPERATION_NAME: &str = "messaging.operation.name";
pub(super) const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
pub(super) const MESSAGING_SYSTEM: &str = "messaging.system";

/// Whether a message went out without its context, since there was no room for it: the trace ends there.
/// A name of ours.
#[cfg(any(feature = "nats", feature = "websocket"))]
pub(crate) const CONTEXT_OMITTED: &str = "throughline.context.omitted";

/// `error.type` of what was dropped before its end.
pub(super) const CANCELLED: &str = "cancelled";

/// `error.type` of what panicked.
pub(super) const PANIC: &str = "panic";

/// As much of a text as fits into an attribute.
pub(super) fn bounded(text: &str) -> &str {
    let mut end = text.len().min(limits::MESSAGE_ATTRIBUTE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The value of `error.type` for an error of type `E`. A boxed or generic error's type does not tell
/// what went wrong.
pub(crate) fn error_type<E>() -> &'static str {
    let name = std::any::type_name::<E>();
    if name.contains(['<', '&', '(', ' ']) { "_OTHER" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = format!("x{}", "\u{e4}".repeat(limits::MESSAGE_ATTRIBUTE_BYTES));
        assert_eq!(bounded(&long).len(), limits::MESSAGE_ATTRIBUTE_BYTES - 1);
        assert_eq!(bounded("short"), "short");
    }
}
