use std::borrow::Cow;
use std::time::Duration;

use ::http::StatusCode;

use super::{ResponseView, grpc, semconv};

/// What may or may not be an error, for
/// [`ServerLayer::classify_error`](super::ServerLayer::classify_error) and
/// [`ClientLayer::classify_error`](super::ClientLayer::classify_error).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// The service answered.
    Response(ResponseView<'a>),
    /// The service failed, with an error of the named type; `_OTHER` if the type says nothing.
    ServiceError(&'static str),
    /// The response's body failed, with an error of the named type; `_OTHER` if the type says nothing.
    BodyError(&'static str),
    /// A call of gRPC has come to its end, with the status of this name, like `NOT_FOUND`. It is
    /// `UNKNOWN` if there is none, or none that gRPC knows.
    GrpcStatus(&'static str),
    /// The future or the body was dropped before its end.
    Cancelled,
    /// The service or the body panicked.
    Panicked,
}

impl Outcome<'_> {
    /// An answer that neither side takes for an error.
    pub(super) fn is_success(self) -> bool {
        matches!(self, Self::Response(response) if response.status().as_u16() < 400)
    }

    /// The value of `error.type` that a server has by default, if this is an error: the status if it
    /// is 500 or above, the status of gRPC if it is `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`,
    /// `INTERNAL`, `UNAVAILABLE` or `DATA_LOSS`, the type of the error, `cancelled` or `panic`.
    #[must_use]
    pub fn error_type(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Response(response) => {
                let status = response.status();
                status.is_server_error().then(|| Cow::Owned(status.as_str().to_owned()))
            }
            Self::ServiceError(name) | Self::BodyError(name) => Some(Cow::Borrowed(name)),
            Self::GrpcStatus(name) => grpc::server_error(name),
            Self::Cancelled => Some(Cow::Borrowed(semconv::CANCELLED)),
            Self::Panicked => Some(Cow::Borrowed(semconv::PANIC)),
        }
    }

    /// The value of `error.type` that a client has by default, if this is an error: the status if it
    /// is 400 or above, any status of gRPC but `OK`, the type of the error, or `panic`. Being dropped is none: the caller is free
    /// to go.
    #[must_use]
    pub fn client_error_type(self) -> Option<Cow<'static, str>> {
        match self {
            Self::Response(response) if response.status().is_client_error() => {
                Some(Cow::Owned(response.status().as_str().to_owned()))
            }
            Self::GrpcStatus(name) => grpc::client_error(name),
            Self::Cancelled => None,
            other => other.error_type(),
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// With the last byte of the response, or with its headers if no body follows them.
    Complete,
    /// With the headers of a response behind which the connection is no longer HTTP.
    Upgraded,
    /// With an error of the service or of the body.
    Failed,
    /// The future or the body was dropped before its end.
    Cancelled,
    /// The service or the body panicked.
    Panicked,
}

/// A request that has ended: what the hook [`on_end`](super::ServerLayer::on_end) looks at.
#[derive(Clone, Copy, Debug)]
pub struct EndView<'a> {
    pub(super) ending: Ending,
    pub(super) status: Option<StatusCode>,
    pub(super) error_type: Option<&'a str>,
    pub(super) route: Option<&'a str>,
    pub(super) duration: Duration,
    pub(super) body_bytes: u64,
    pub(super) grpc_status: Option<&'static str>,
}

impl<'a> EndView<'a> {
    /// How the request ended.
    #[must_use]
    pub fn ending(self) -> Ending {
        self.ending
    }

    /// The status of the response; `None` if there was none.
    #[must_use]
    pub fn status(self) -> Option<StatusCode> {
        self.status
    }

    /// The name of the status of a call of gRPC, like `NOT_FOUND`. `None` for other requests, and if
    /// none came: a call whose service or body failed, or whose span ended with the headers.
    #[must_use]
    pub fn grpc_status(self) -> Option<&'static str> {
        self.grpc_status
    }

    /// The value of `error.type`, if the request counts as an error. An answer of 500 whose body
    /// arrived whole is complete, and an error.
    #[must_use]
    pub fn error_type(self) -> Option<&'a str> {
        self.error_type
    }

    /// The route, if it became known.
    #[must_use]
    pub fn route(self) -> Option<&'a str> {
        self.route
    }

    /// Time from the call of the service to the end.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.duration
    }

    /// Bytes of the response's body that were handed over.
    #[must_use]
    pub fn body_bytes(self) -> u64 {
        self.body_bytes
    }
}
