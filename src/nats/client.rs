use std::ops::Deref;

use async_nats::client::{PublishError, Request, RequestError};
use async_nats::message::OutboundMessage;
use async_nats::subject::ToSubject;
use async_nats::{Client, HeaderMap, Message};
use bytes::Bytes;

use super::{Nats, outgoing};
use crate::messaging::Sending;

/// A client of NATS whose messages are sent in spans and carry their context, from
/// [`Nats::client`].
///
/// What publishes or requests has the name, arguments and errors that it has in async-nats; everything
/// else is the client inside.
#[derive(Clone, Debug)]
pub struct TracedClient {
    client: Client,
    nats: Nats,
}

impl TracedClient {
    pub(super) fn new(client: Client, nats: Nats) -> Self {
        Self { client, nats }
    }

    /// Gives the client back.
    #[must_use]
    pub fn into_inner(self) -> Client {
        self.client
    }

    /// Publishes a message in a span that ends when the client has taken it.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub async fn publish<S: ToSubject>(
        &self,
        subject: S,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let subject = subject.to_subject();
        self.send(OutboundMessage { subject, reply: None, payload, headers: None }).await
    }

    /// [`publish`](Self::publish) with headers.
    ///
    /// # Errors
    /// As [`Client::publish_with_headers`].
    pub async fn publish_with_headers<S: ToSubject>(
        &self,
        subject: S,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let (subject, headers) = (subject.to_subject(), Some(headers));
        self.send(OutboundMessage { subject, reply: None, payload, headers }).await
    }

    /// [`publish`](Self::publish) with a subject for replies.
    ///
    /// # Errors
    /// As [`Client::publish_with_reply`].
    pub async fn publish_with_reply<S: ToSubject, R: ToSubject>(
        &self,
        subject: S,
        reply: R,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let (subject, reply) = (subject.to_subject(), Some(reply.to_subject()));
        self.send(OutboundMessage { subject, reply, payload, headers: None }).await
    }

    /// [`publish`](Self::publish) with both.
    ///
    /// # Errors
    /// As [`Client::publish_with_reply_and_headers`].
    pub async fn publish_with_reply_and_headers<S: ToSubject, R: ToSubject>(
        &self,
        subject: S,
        reply: R,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), PublishError> {
        let (subject, reply) = (subject.to_subject(), Some(reply.to_subject()));
        self.send(OutboundMessage { subject, reply, payload, headers: Some(headers) }).await
    }

    /// Sends a request in a span that ends with the reply.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request<S: ToSubject>(
        &self,
        subject: S,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        self.send_request(subject, Request::new().payload(payload)).await
    }

    /// [`request`](Self::request) with headers.
    ///
    /// # Errors
    /// As [`Client::request_with_headers`].
    pub async fn request_with_headers<S: ToSubject>(
        &self,
        subject: S,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        self.send_request(subject, Request::new().headers(headers).payload(payload)).await
    }

    /// [`request`](Self::request) with a timeout or an inbox of its own.
    ///
    /// # Errors
    /// As [`Client::send_request`].
    pub async fn send_request<S: ToSubject>(
        &self,
        subject: S,
        mut request: Request,
    ) -> Result<Message, RequestError> {
        let subject = subject.to_subject();
        let payload = request.payload.clone().unwrap_or_default();
        let (nats, headers) = (&self.nats, &mut request.headers);
        let max_bytes = self.client.max_payload();
        let sending = outgoing::begin(nats, &nats.request, &subject, &payload, headers, max_bytes);
        let result = self.client.send_request(subject, request).await;
        end(sending, result.as_ref().err().map(RequestError::kind));
        result
    }

    async fn send(&self, mut message: OutboundMessage) -> Result<(), PublishError> {
        let (nats, max_bytes) = (&self.nats, self.client.max_payload());
        let (payload, headers) = (&message.payload, &mut message.headers);
        let sending =
            outgoing::begin(nats, &nats.publish, &message.subject, payload, headers, max_bytes);
        let result = self.hand_over(message).await;
        end(sending, result.as_ref().err().map(PublishError::kind));
        result
    }

    async fn hand_over(&self, message: OutboundMessage) -> Result<(), PublishError> {
        let OutboundMessage { subject, reply, payload, headers } = message;
        let client = &self.client;
        match (reply, headers) {
            (None, None) => client.publish(subject, payload).await,
            (None, Some(headers)) => client.publish_with_headers(subject, headers, payload).await,
            (Some(reply), None) => client.publish_with_reply(subject, reply, payload).await,
            (Some(reply), Some(headers)) => {
                client.publish_with_reply_and_headers(subject, reply, headers, payload).await
            }
        }
    }
}

impl Deref for TracedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Ends a message, with the kind of its error: the types of async-nats' errors are all one.
pub(super) fn end<K: std::fmt::Debug>(sending: Sending, error: Option<K>) {
    match error {
        Some(kind) => sending.failed(format!("{kind:?}")),
        None => sending.succeeded(),
    }
}
