//! What is asked. Each question sends its request and says in a few words what it saw.

use std::convert::Infallible;
use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Request};
use tokio::runtime::{Builder, Runtime};
use tower::service_fn;

use crate::bed::Bed;
use crate::subject::{App, Subject, boxed};

pub(crate) mod allocations;
pub(crate) mod attributes;
pub(crate) mod body;
pub(crate) mod context;
pub(crate) mod lifecycle;
pub(crate) mod trace_context;

/// Whoever is asked, also by its own handlers.
pub(crate) type Asked = Arc<dyn Subject>;

/// What was seen; an error if nothing could be.
pub(crate) type Answer = Result<String, BoxError>;

/// One thread, on which everything happens: some layers keep their state there.
fn runtime() -> Result<Runtime, BoxError> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// The layer around a handler.
fn app<F, Fut>(subject: &Asked, bed: &Bed, handler: F) -> App
where
    F: FnMut(Request<Body>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    subject.around(boxed(service_fn(handler)), bed)
}

/// A request of the caller, sampled.
fn request(subject: &Asked) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.headers_mut() = caller(subject, true);
    request
}

fn caller(subject: &Asked, sampled: bool) -> HeaderMap {
    let (name, value) = subject.caller(sampled);
    HeaderMap::from_iter([(http::HeaderName::from_static(name), HeaderValue::from_static(value))])
}

/// How the only span says that the request came out.
fn outcome(bed: &Bed) -> String {
    match &bed.log().spans()[..] {
        [] => "no span".to_owned(),
        [span] => span.outcome.to_string(),
        spans => format!("{} spans", spans.len()),
    }
}
