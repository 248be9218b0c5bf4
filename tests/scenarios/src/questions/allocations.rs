//! What a request costs.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty, Full};
use tower::Service;

use super::{Answer, Asked, caller};
use crate::bed::Bed;

/// Allocations above those of the bare service, of a sampled request and of another.
pub(crate) fn allocations(subject: &Asked) -> Answer {
    let above = |sampled| -> Result<u64, axum::BoxError> {
        let bed = Bed::counting();
        let _installed = subject.installed(&bed);
        let headers = caller(subject, sampled);
        let all = subject.allocations(Bare, &headers, &bed);
        let bare = counted(Bare, &headers);
        all.checked_sub(bare).ok_or_else(|| "less than the bare service".into())
    };
    Ok(format!("{} / {}", above(true)?, above(false)?))
}

/// A service that does nothing.
#[derive(Clone, Copy, Debug)]
pub struct Bare;

impl<B> Service<Request<B>> for Bare {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"ok")))))
    }
}

/// Allocations of one request with these headers beside the usual ones, its body read to the end: the median of some, behind
/// some that fill caches. The request is made beforehand.
///
/// # Panics
/// Without the feature `counting`.
pub fn counted<S, B>(mut service: S, headers: &HeaderMap) -> u64
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    B: http_body::Body<Data = Bytes>,
{
    let mut counts: Vec<_> = (0..WARM_UPS + MEASURED)
        .map(|_| {
            let request = received(headers.clone());
            allocations_of(|| {
                let response = service.call(request).now_or_never().and_then(Result::ok);
                let body = response.map(|response| response.into_body());
                drop(body.map(|body| Box::pin(body.collect()).now_or_never()));
            })
        })
        .skip(WARM_UPS)
        .collect();
    counts.sort_unstable();
    counts[MEASURED / 2]
}

#[cfg(feature = "counting")]
fn allocations_of(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

#[cfg(not(feature = "counting"))]
fn allocations_of(_: impl FnOnce()) -> u64 {
    panic!("allocations are counted with the feature `counting` alone")
}

/// As a server hands it over: with what most clients send, and with an extension.
fn received(caller: HeaderMap) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::from_static("/users/7?page=2");
    let headers = request.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.extend(caller);
    request.extensions_mut().insert(Instant::now());
    request
}

const HEADERS: [(&str, &str); 8] = [
    ("host", "shop.example:8080"),
    ("user-agent", "shop-web/2.4"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("accept-language", "en"),
    ("content-type", "application/json"),
    ("x-request-id", "7f3c2d"),
    ("x-forwarded-proto", "https"),
];

const WARM_UPS: usize = 8;
const MEASURED: usize = 9;
