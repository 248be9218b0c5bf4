use std::pin::Pin;

use async_nats::jetstream::context::{PublishAckFuture, PublishError};
use async_nats::jetstream::publish::PublishAck;

use super::client::end;
use crate::messaging::Sending;

/// The acknowledgement of a message that JetStream was given, to be awaited: that it is stored.
///
/// The span of the message ends with it. Who drops this without awaiting it does not ask whether the
/// message was stored: the span then ends as a success, since the message was handed over. Who stops
/// waiting cancels it.
#[derive(Debug)]
#[must_use = "only the acknowledgement says that the message is stored"]
pub struct TracedPublishAck {
    ack: PublishAckFuture,
    sending: HandedOver,
}

impl TracedPublishAck {
    pub(super) fn new(ack: PublishAckFuture, sending: Sending) -> Self {
        Self { ack, sending: HandedOver(Some(sending)) }
    }
}

impl IntoFuture for TracedPublishAck {
    type Output = Result<PublishAck, PublishError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        let sending = self.sending.0.take();
        Box::pin(async move {
            let result = self.ack.await;
            if let Some(sending) = sending {
                end(sending, result.as_ref().err().map(PublishError::kind));
            }
            result
        })
    }
}

/// A message whose acknowledgement nobody has asked for yet.
#[derive(Debug)]
struct HandedOver(Option<Sending>);

impl Drop for HandedOver {
    fn drop(&mut self) {
        if let Some(sending) = self.0.take() {
            sending.succeeded();
        }
    }
}
