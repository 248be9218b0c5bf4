//! Extractors read the current context, which the layer has made current around the handler. Outside
//! of any layer they are empty: they never reject.

use std::convert::Infallible;

use ::http::request::Parts;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};

use crate::context::{Baggage, TraceContext};
use crate::http::SpanHandle;

/// What the next hop has to be told; empty outside of any trace.
impl<S: Sync> FromRequestParts<S> for TraceContext {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::current())
    }
}

/// `None` outside of any trace.
impl<S: Sync> OptionalFromRequestParts<S> for TraceContext {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Some(Self::current()).filter(|context| !context.is_empty()))
    }
}

/// The request's span; one that takes everything and keeps nothing if there is none.
impl<S: Sync> FromRequestParts<S> for SpanHandle {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::current())
    }
}

/// `None` if the request has no span.
impl<S: Sync> OptionalFromRequestParts<S> for SpanHandle {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Some(Self::current()).filter(Self::is_of_this_process))
    }
}

/// The application's baggage, and Sentry's; empty outside of any trace.
impl<S: Sync> FromRequestParts<S> for Baggage {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(TraceContext::current().baggage().clone())
    }
}

/// `None` if there is none.
impl<S: Sync> OptionalFromRequestParts<S> for Baggage {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Some(TraceContext::current().baggage().clone()).filter(|baggage| !baggage.is_empty()))
    }
}
