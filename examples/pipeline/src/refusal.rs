//! An answer that says what is wrong and what to do about it.

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::event::EventRefused;

/// Why a request was not taken: `{"error": name, "reason": text}` with the status that says whether
/// sending it again can help (503) or not.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// Stable name, for programs and counters.
    pub(crate) name: String,
    /// For people; never repeats what was sent.
    pub(crate) reason: String,
}

impl Refusal {
    /// The secret is missing or wrong.
    pub(crate) fn unauthorized() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            name: "unauthorized".to_owned(),
            reason: "send Authorization: Bearer with the secret that this service was started \
                     with (--shared-secret or SHARED_SECRET)"
                .to_owned(),
        }
    }

    /// Something behind this service does not answer.
    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            name: "unavailable".to_owned(),
            reason: reason.into(),
        }
    }
}

impl From<EventRefused> for Refusal {
    fn from(refused: EventRefused) -> Self {
        let status = match refused {
            EventRefused::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self { status, name: refused.name().to_owned(), reason: refused.to_string() }
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return EventRefused::TooLarge.into();
        }
        Self {
            status: StatusCode::BAD_REQUEST,
            name: "unreadable".to_owned(),
            reason: "the body of the request ended early; send the event again".to_owned(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = RefusalBody { error: self.name, reason: self.reason };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The body of a refusal, for those who send and those who receive it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct RefusalBody {
    pub(crate) error: String,
    pub(crate) reason: String,
}
