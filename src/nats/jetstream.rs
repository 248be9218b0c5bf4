use std::ops::Deref;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::message::PublishMessage;
use async_nats::subject::ToSubject;
use bytes::Bytes;

use super::client::end;
use super::{Nats, TracedPublishAck, outgoing};

/// A JetStream context whose messages are sent in spans and carry their context, from
/// [`Nats::jetstream`].
///
/// What publishes has the name, arguments and errors that it has in async-nats; everything else is the
/// context inside.
#[derive(Clone, Debug)]
pub struct TracedJetStream {
    context: Context,
    nats: Nats,
}

impl TracedJetStream {
    pub(super) fn new(context: Context, nats: Nats) -> Self {
        Self { context, nats }
    }

    /// Gives the context back.
    #[must_use]
    pub fn into_inner(self) -> Context {
        self.context
    }

    /// Publishes a message in a span that ends with the acknowledgement, if that is awaited.
    ///
    /// # Errors
    /// As [`Context::publish`].
    pub async fn publish<S: ToSubject>(
        &self,
        subject: S,
        payload: Bytes,
    ) -> Result<TracedPublishAck, PublishError> {
        self.send_publish(subject, PublishMessage::build().payload(payload)).await
    }

    /// [`publish`](Self::publish) with headers.
    ///
    /// # Errors
    /// As [`Context::publish_with_headers`].
    pub async fn publish_with_headers<S: ToSubject>(
        &self,
        subject: S,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<TracedPublishAck, PublishError> {
        let message = PublishMessage::build().payload(payload).headers(headers);
        self.send_publish(subject, message).await
    }

    /// [`publish`](Self::publish) with what JetStream is to check.
    ///
    /// # Errors
    /// As [`Context::send_publish`].
    pub async fn send_publish<S: ToSubject>(
        &self,
        subject: S,
        message: PublishMessage,
    ) -> Result<TracedPublishAck, PublishError> {
        // The builder shows nothing of what it holds: only its product does.
        let mut message = message.outbound_message(subject);
        let (nats, max_bytes) = (&self.nats, self.context.client().max_payload());
        let (payload, headers) = (&message.payload, &mut message.headers);
        let sending =
            outgoing::begin(nats, &nats.publish, &message.subject, payload, headers, max_bytes);
        let mut publish = PublishMessage::build().payload(message.payload);
        if let Some(headers) = message.headers {
            publish = publish.headers(headers);
        }
        match self.context.send_publish(message.subject, publish).await {
            Ok(ack) => Ok(TracedPublishAck::new(ack, sending)),
            Err(error) => {
                end(sending, Some(error.kind()));
                Err(error)
            }
        }
    }
}

impl Deref for TracedJetStream {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}
