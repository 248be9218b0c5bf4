use std::fmt;

/// Why an event could not be sent.
#[non_exhaustive]
pub enum SendError<E, M> {
    /// The event cannot be serialized.
    Encode(serde_json::Error),
    /// The socket did not take the message, be it that its buffer is full. It comes back with the
    /// context in it: sent again through [`Sink`](futures_sink::Sink), it is the same bytes.
    Refused(E, M),
    /// The socket took the message and failed before it was out. Nobody knows how far it got.
    Socket(E),
}

impl<E, M> SendError<E, M> {
    /// The message, if the socket did not take it.
    ///
    /// ```
    /// # async fn run<S>(mut socket: throughline::websocket::TracedWebSocket<S>)
    /// # where
    /// #     S: futures_util::Sink<tokio_tungstenite::tungstenite::Message> + Unpin,
    /// # {
    /// use futures_util::SinkExt;
    ///
    /// if let Err(error) = socket.send_traced(&serde_json::json!({"type": "tick"})).await
    ///     && let Some(message) = error.into_message()
    /// {
    ///     socket.flush().await.ok();
    ///     socket.send(message).await.ok();
    /// }
    /// # }
    /// ```
    pub fn into_message(self) -> Option<M> {
        match self {
            Self::Refused(_, message) => Some(message),
            Self::Encode(_) | Self::Socket(_) => None,
        }
    }
}

impl<E, M> fmt::Display for SendError<E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encode(_) => "the event cannot be serialized",
            Self::Refused(..) => "the socket does not take the event",
            Self::Socket(_) => "the socket failed before the event was out",
        })
    }
}

/// By what errors say of themselves: a socket's error may hold the message.
impl<E: fmt::Display, M> fmt::Debug for SendError<E, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}: ")?;
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Refused(error, _) | Self::Socket(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static, M> std::error::Error for SendError<E, M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Encode(error) => Some(error),
            Self::Refused(error, _) | Self::Socket(error) => Some(error),
        }
    }
}
