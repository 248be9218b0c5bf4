use std::borrow::Cow;

use super::ResponseView;

/// What may or may not be an error, for [`ClientLayer::classify_error`](super::ClientLayer::classify_error).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// The service answered.
    Response(ResponseView<'a>),
    /// The service failed, with an error of the named type; `_OTHER` if the type says nothing.
    ServiceError(&'static str),
}

impl Outcome<'_> {
    /// The value of `error.type` that a client has by default, if this is an error: the status if it
    /// is 400 or above, or the type of the error.
    #[must_use]
    pub fn client_error_type(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Response(response) => {
                let status = response.status();
                let is_error = status.is_client_error() || status.is_server_error();
                is_error.then(|| Cow::Owned(status.as_str().to_owned()))
            }
            Self::ServiceError(name) => Some(Cow::Borrowed(name)),
        }
    }
}
