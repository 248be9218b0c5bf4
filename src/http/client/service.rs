use std::sync::Arc;
use std::task::{self, Poll};

use ::http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::ClientFuture;
use super::config::Config;
use super::future::Call;
use crate::http::TracedBody;

/// Service of [`ClientLayer`](super::ClientLayer).
#[derive(Clone, Debug)]
pub struct ClientService<S> {
    pub(super) inner: S,
    pub(super) config: Arc<Config>,
}

impl<S> ClientService<S> {
    pub(super) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ClientService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<TracedBody<ResBody>>;
    type Error = S::Error;
    type Future = ClientFuture<S::Future>;

    fn poll_ready(&mut self, task: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let mut exchange = self.config.begin(&mut request);
        let inner = self.config.call(&mut exchange, || self.inner.call(request));
        ClientFuture::new(Call::new(inner, exchange, Arc::clone(&self.config)))
    }
}
