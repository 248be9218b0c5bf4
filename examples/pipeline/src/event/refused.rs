//! Why an event is not taken.

use crate::limits::MAX_EVENT_BYTES;

/// The rule that a text breaks which is no event. It names fields, never their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EventRefused {
    /// The text is no JSON.
    #[error("the event is not JSON")]
    NotJson,
    /// A field that the event needs is absent or null.
    #[error("the event has no {0}")]
    MissingField(&'static str),
    /// The type is none of [`EventType`](super::EventType).
    #[error("the event has a type that is not known")]
    UnknownType,
    /// The text is longer than [`MAX_EVENT_BYTES`].
    #[error("the event is longer than {MAX_EVENT_BYTES} bytes")]
    TooLarge,
    /// A field holds what it cannot hold: wrong type, number out of range, id too long.
    #[error("the event has a bad {0}")]
    BadData(&'static str),
}

impl EventRefused {
    /// The name that answers and counters use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::MissingField(_) => "missing_field",
            Self::UnknownType => "unknown_type",
            Self::TooLarge => "too_large",
            Self::BadData(_) => "bad_data",
        }
    }
}
