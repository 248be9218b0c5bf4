use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::Message;
use super::connection::Connection;
use crate::context::TraceContext;
use crate::messaging::Processing;
use crate::otel::error_type;
use crate::propagation::Extraction;

/// A received message and the context that came in it.
#[non_exhaustive]
pub struct Incoming<M> {
    /// The message as it was received, but for the frame around a binary one.
    pub message: M,
    /// The context; empty for everything but a text message, or a framed one, that has one.
    pub extraction: Extraction,
    connection: Arc<Connection>,
    is_traced: bool,
}

impl<M: Message> Incoming<M> {
    pub(super) fn of(message: M, connection: &Arc<Connection>) -> Self {
        let (message, extraction) = connection.tracing().open(message, connection.is_framed());
        Self {
            message,
            is_traced: extraction.is_some(),
            extraction: extraction.unwrap_or_default(),
            connection: Arc::clone(connection),
        }
    }

    /// Deserializes the text of the message without the context's members. `None` if it has no text.
    ///
    /// # Errors
    /// If the text is not what `T` expects.
    pub fn decode<T: DeserializeOwned>(&self) -> Option<Result<T, serde_json::Error>> {
        self.message.as_text().map(|text| self.event_in(text))
    }

    /// The context of the span that sent the message.
    pub fn context(&self) -> &TraceContext {
        &self.extraction.context
    }

    /// Works on the event of a text message in a `CONSUMER` span, which is current in every poll and
    /// ends with the work: see [`Messaging::process`](crate::messaging::Messaging::process). The event is
    /// deserialized without the context's members. `None` if the message has no text: then there is no
    /// event, and no span.
    ///
    /// ```
    /// # async fn run(incoming: throughline::websocket::Incoming<tokio_tungstenite::tungstenite::Message>) {
    /// use serde::Deserialize;
    /// use throughline::context::TraceContext;
    ///
    /// #[derive(Deserialize)]
    /// struct Event { kind: String }
    ///
    /// let done = incoming.in_span(async |event: Event| {
    ///     println!("{} in {:?}", event.kind, TraceContext::current().parent());
    /// });
    /// match done.await {
    ///     Ok(Some(())) => {}
    ///     Ok(None) => println!("no text: a ping, or a close frame"),
    ///     Err(error) => println!("no event: {error}"),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the text is not what `T` expects. The span has failed then.
    pub async fn in_span<T, F, Fut>(self, work: F) -> Result<Option<Fut::Output>, serde_json::Error>
    where
        T: DeserializeOwned,
        F: FnOnce(T) -> Fut,
        Fut: Future,
    {
        let Some(text) = self.message.as_text() else { return Ok(None) };
        let processing = self.connection.process(text.len(), &self.extraction);
        let decoded = self.event_in(text);
        // The text is not kept while the event is worked on.
        drop(self);
        match decoded {
            Ok(event) => Ok(Some(processing.run(async { work(event).await }).await)),
            Err(error) => {
                processing.failed(error_type::<serde_json::Error>());
                Err(error)
            }
        }
    }

    /// Works on the message itself in a `CONSUMER` span, as [`in_span`](Self::in_span) does. A ping, a
    /// pong, a close frame, and a binary message without a [`Frame`](super::Frame) have no span of their
    /// own.
    ///
    /// ```
    /// use throughline::context::TraceContext;
    /// use throughline::websocket::{Envelope, Incoming};
    /// use tokio_tungstenite::tungstenite::Message;
    ///
    /// /// A relay, whose span is the parent of the next hop's (rule MS-7).
    /// async fn forward(envelope: &Envelope, incoming: Incoming<Message>) -> Message {
    ///     incoming.message_in_span(async |message| match &message {
    ///         Message::Text(text) => {
    ///             Message::text(envelope.replace(text, &TraceContext::current()).into_owned())
    ///         }
    ///         _ => message,
    ///     }).await
    /// }
    /// ```
    pub async fn message_in_span<F, Fut>(self, work: F) -> Fut::Output
    where
        F: FnOnce(M) -> Fut,
        Fut: Future,
    {
        let processing = self.process();
        let message = self.message;
        match processing {
            Some(processing) => processing.run(async { work(message).await }).await,
            None => work(message).await,
        }
    }

    fn event_in<T: DeserializeOwned>(&self, text: &str) -> Result<T, serde_json::Error> {
        self.connection.tracing().envelope.value(text)
    }

    fn process(&self) -> Option<Processing> {
        let binary = self.message.as_binary().map_or(0, <[u8]>::len);
        let body_bytes = self.message.as_text().map_or(binary, str::len);
        self.is_traced.then(|| self.connection.process(body_bytes, &self.extraction))
    }
}

/// Shows what was refused of the context, and neither its values nor the message's.
impl<M> fmt::Debug for Incoming<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("is_traced", &self.is_traced)
            .field("refused", &self.extraction.refused)
            .finish_non_exhaustive()
    }
}
