//! The next service, in the test: it keeps what it is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::within;

/// Takes every request, and answers with the status that it is told for the n-th.
pub(crate) struct Target {
    pub(crate) url: String,
    requests: mpsc::UnboundedReceiver<Recorded>,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Recorded {
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Recorded {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().unwrap();
        assert!(values.next().is_none(), "{name} came twice");
        Some(value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Target {
    pub(crate) async fn start(
        status: impl Fn(usize) -> StatusCode + Send + Sync + 'static,
    ) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let status = Arc::new(status);
        let routes = Router::new().fallback(move |headers: HeaderMap, body: String| {
            let answer = status(count.fetch_add(1, Ordering::Relaxed));
            // A test that has ended needs no requests any more.
            let _ = sender.send(Recorded { headers, body });
            async move { (answer, "{}") }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, requests }
    }

    pub(crate) async fn taking_all() -> Self {
        Self::start(|_| StatusCode::OK).await
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Recorded {
        within("a request", self.requests.recv()).await.unwrap()
    }

    /// The next request that brings an event, not a heartbeat.
    pub(crate) async fn next_event(&mut self) -> Recorded {
        loop {
            let request = self.next().await;
            if !request.body.contains("runner-heartbeat") {
                return request;
            }
        }
    }
}
