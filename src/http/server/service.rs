use std::sync::Arc;
use std::task::{self, Poll};

use ::http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::ServerFuture;
use super::config::Config;
use super::future::Tail;
use crate::http::TracedBody;

/// Service of [`ServerLayer`](super::ServerLayer).
#[derive(Clone, Debug)]
pub struct ServerService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S> ServerService<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ServerService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<TracedBody<ResBody>>;
    type Error = S::Error;
    type Future = ServerFuture<S::Future>;

    fn poll_ready(&mut self, task: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let mut exchange = self.config.begin(&mut request);
        let tail = Tail::after(request.method());
        let inner = exchange.run(|| self.inner.call(request));
        ServerFuture::new(inner, exchange, tail, Arc::clone(&self.config))
    }
}
