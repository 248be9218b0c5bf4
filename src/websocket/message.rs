use bytes::Bytes;

/// A WebSocket message of any library: what [`TracedWebSocket`](super::TracedWebSocket) needs of it.
///
/// A clone shares the payload with its original, so that a message that could not be sent can be kept.
///
/// ```
/// use throughline::websocket::Message;
/// use tokio_tungstenite::tungstenite;
///
/// /// Works for every library.
/// fn is_data(message: &impl Message) -> bool {
///     message.as_text().is_some() || message.as_binary().is_some()
/// }
///
/// let text = <tungstenite::Message as Message>::from_text("{}".to_owned());
/// assert!(is_data(&text));
/// assert!(!is_data(&tungstenite::Message::Ping("{}".into())));
/// assert_eq!(text.into_payload(), Ok("{}".into()));
/// ```
pub trait Message: Clone {
    /// The text of a text message.
    fn as_text(&self) -> Option<&str>;

    /// The payload of a binary message.
    fn as_binary(&self) -> Option<&[u8]>;

    /// What a close frame says; the empty [`Close`] if it says nothing.
    fn as_close(&self) -> Option<Close<'_>>;

    /// The payload of a text or binary message, moved.
    ///
    /// # Errors
    /// Any other message comes back.
    fn into_payload(self) -> Result<Bytes, Self>;

    /// A text message that takes the text over.
    fn from_text(text: String) -> Self;

    /// A binary message that takes the payload over.
    fn from_binary(payload: Bytes) -> Self;
}

/// What a close frame says ([RFC 6455, 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Close<'a> {
    /// Why the connection ends, from 1000 on; `None` if the frame was empty.
    pub code: Option<u16>,
    /// The same for people: at most 123 bytes, chosen by the peer.
    pub reason: &'a str,
}

/// Two libraries, or two versions of one, with the same kinds of messages. A macro, since they share
/// no type.
macro_rules! message {
    ($message:ty) => {
        impl Message for $message {
            fn as_text(&self) -> Option<&str> {
                match self {
                    Self::Text(text) => Some(text.as_str()),
                    _ => None,
                }
            }

            fn as_binary(&self) -> Option<&[u8]> {
                match self {
                    Self::Binary(payload) => Some(payload),
                    _ => None,
                }
            }

            fn as_close(&self) -> Option<Close<'_>> {
                let Self::Close(frame) = self else { return None };
                let close = frame.as_ref().map(|frame| Close {
                    code: Some(frame.code.into()),
                    reason: frame.reason.as_str(),
                });
                Some(close.unwrap_or_default())
            }

            fn into_payload(self) -> Result<Bytes, Self> {
                match self {
                    Self::Text(text) => Ok(text.into()),
                    Self::Binary(payload) => Ok(payload),
                    other => Err(other),
                }
            }

            fn from_text(text: String) -> Self {
                Self::Text(text.into())
            }

            fn from_binary(payload: Bytes) -> Self {
                Self::Binary(payload)
            }
        }
    };
}

message!(tokio_tungstenite::tungstenite::Message);
#[cfg(feature = "axum")]
message!(axum::extract::ws::Message);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::Message as Frame;
    use tokio_tungstenite::tungstenite::protocol::CloseFrame;

    #[test]
    fn a_payload_is_moved_in_and_out() {
        let text = "{\"a\":1}".to_owned();
        let at = text.as_ptr();
        let message = <Frame as Message>::from_text(text);
        assert_eq!(message.as_text(), Some("{\"a\":1}"));
        assert_eq!(message.clone().into_payload().unwrap().as_ptr(), at, "a clone shares it");
        assert_eq!(message.into_payload().unwrap().as_ptr(), at);

        let payload = Bytes::from(vec![1, 2]);
        let at = payload.as_ptr();
        let message = <Frame as Message>::from_binary(payload);
        assert_eq!((message.as_text(), message.as_binary()), (None, Some(&[1, 2][..])));
        assert_eq!(message.into_payload().unwrap().as_ptr(), at);
    }

    #[test]
    fn control_frames_have_no_payload_of_the_application() {
        let frame = CloseFrame { code: 4001.into(), reason: "gone".into() };
        let close = Frame::Close(Some(frame));
        assert_eq!(close.as_close(), Some(Close { code: Some(4001), reason: "gone" }));
        assert_eq!(Frame::Close(None).as_close(), Some(Close::default()));
        for message in [Frame::Ping("{}".into()), Frame::Pong("{}".into()), close] {
            assert_eq!((message.as_text(), message.as_binary()), (None, None));
            assert_eq!(message.clone().into_payload(), Err(message));
        }
        assert_eq!(Frame::text("").as_close(), None);
    }
}
