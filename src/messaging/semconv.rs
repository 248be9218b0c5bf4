//! Names and values of the
//! [messaging conventions](https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/) 1.42.

use crate::{limits, otel};

pub(super) use crate::otel::{CANCELLED, ERROR_TYPE, PANIC, error_type};

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

/// As much of a text as fits into an attribute.
pub(super) fn bounded(text: &str) -> &str {
    otel::bounded(text, limits::MESSAGE_ATTRIBUTE_BYTES)
}
