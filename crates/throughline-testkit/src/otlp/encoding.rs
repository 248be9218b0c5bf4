//! The two ways in which OTLP over HTTP writes a message.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How a message is written; its answer is written the same way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// What `content-type` names, if it is one of the two.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let media_type = value.split(';').next()?.trim();
        let named = |known: &Self| media_type.eq_ignore_ascii_case(known.media_type());
        [Self::Protobuf, Self::Json].into_iter().find(named)
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// `None` if the body is no such message.
    pub(super) fn decode<M: Message + Default + DeserializeOwned>(self, body: Bytes) -> Option<M> {
        match self {
            Self::Protobuf => M::decode(body).ok(),
            Self::Json => serde_json::from_slice(&body).ok(),
        }
    }

    pub(super) fn encode<M: Message + Serialize>(self, message: &M) -> Vec<u8> {
        match self {
            Self::Protobuf => message.encode_to_vec(),
            // An answer has strings and numbers only, which always have a form in JSON.
            Self::Json => serde_json::to_vec(message).unwrap_or_default(),
        }
    }
}
