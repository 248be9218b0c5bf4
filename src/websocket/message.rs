/// A WebSocket message of any library: what [`TracedWebSocket`](super::TracedWebSocket) needs of it.
pub trait Message: Sized {
    /// The text of a text message; `None` for every other kind, which passes untouched.
    fn as_text(&self) -> Option<&str>;

    /// A text message.
    fn from_text(text: String) -> Self;
}

impl Message for tokio_tungstenite::tungstenite::Message {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    fn from_text(text: String) -> Self {
        Self::Text(text.into())
    }
}

#[cfg(feature = "axum")]
impl Message for axum::extract::ws::Message {
    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }

    fn from_text(text: String) -> Self {
        Self::Text(text.into())
    }
}
