//! Passes the spans of web pages on to where this service sends its own.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::limits::{MAX_PAGE_EXPORTS, PAGE_EXPORT_TIMEOUT};

/// A collector of OTLP over HTTP, which pages reach through this service: they need to know no
/// address of another origin, and nothing that lets them in there.
pub(crate) struct Collector {
    target: Uri,
    // No tracing layer: an export makes no spans.
    client: Client<HttpConnector, Full<Bytes>>,
    turns: Semaphore,
}

impl Collector {
    /// Posts to this address, which ends in `/v1/traces` as a rule.
    pub(crate) fn new(target: Uri) -> Self {
        Self {
            target,
            client: Client::builder(TokioExecutor::new()).build_http(),
            turns: Semaphore::new(MAX_PAGE_EXPORTS),
        }
    }

    /// Makes one attempt with a message in JSON. Nothing of the page's request but its body goes on,
    /// and nothing of the answer comes back but whether it was taken.
    pub(super) async fn pass_on(&self, message: Bytes) -> StatusCode {
        let Ok(_turn) = self.turns.try_acquire() else { return StatusCode::SERVICE_UNAVAILABLE };
        let request = Request::post(self.target.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(message));
        let Ok(request) = request else { return StatusCode::BAD_GATEWAY };
        match timeout(PAGE_EXPORT_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) if response.status().is_success() => StatusCode::NO_CONTENT,
            Ok(_) => StatusCode::BAD_GATEWAY,
            Err(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address may hold a password.
        f.debug_struct("Collector").field("turns", &self.turns).finish_non_exhaustive()
    }
}
