//! reqwest's requests through the layer.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};

use ::http::response::Builder;
use ::http::{Extensions, Uri};
use ::reqwest::redirect::Policy;
use ::reqwest::{Body, Error, Request, RequestBuilder, Response, ResponseBuilderExt};
use opentelemetry::Context;
use pin_project::pin_project;
use tower::{Layer, Service};

use super::config::Config;
use super::future::Call;
use super::{ClientLayer, ClientService};
use crate::http::TracedBody;
use crate::http::exchange::Exchange;

/// Sends a request of reqwest through a [`ClientLayer`].
///
/// ```
/// use throughline::http::{ClientLayer, RequestBuilderExt, UrlTemplate};
///
/// async fn user(client: &reqwest::Client, trace: &ClientLayer) -> reqwest::Result<String> {
///     let request = client.get("https://api.example/users/7");
///     request.traced(trace).with(UrlTemplate("/users/{id}")).send().await?.text().await
/// }
/// ```
///
/// reqwest takes credentials out of the address and makes a header of them before the layer sees the
/// request, so that it has trace headers like any other. It follows redirects by itself, inside the
/// span, and takes the trace headers along: see [`ClientLayer::redirect_policy`].
pub trait RequestBuilderExt: sealed::Sealed {
    /// The request, to be sent in a span of this layer.
    fn traced(self, layer: &ClientLayer) -> TracedRequest;
}

impl RequestBuilderExt for RequestBuilder {
    fn traced(self, layer: &ClientLayer) -> TracedRequest {
        TracedRequest { request: self, layer: layer.clone(), extensions: Extensions::new() }
    }
}

/// A request of reqwest that is sent in a span: see [`RequestBuilderExt`].
#[must_use = "a request is not sent until it is told to be"]
pub struct TracedRequest {
    request: RequestBuilder,
    layer: ClientLayer,
    extensions: Extensions,
}

impl TracedRequest {
    /// Says something about this request: [`NoPropagate`](super::NoPropagate),
    /// [`ResendCount`](super::ResendCount), [`UrlTemplate`](super::UrlTemplate), or what a hook of the
    /// layer looks for.
    pub fn with<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.extensions.insert(extension);
        self
    }

    /// Sends the request.
    ///
    /// # Errors
    /// Those of [`RequestBuilder::send`].
    pub async fn send(self) -> Result<Response, Error> {
        let (client, request) = self.request.build_split();
        self.layer.layer(client).call_with(request?, self.extensions).await
    }
}

/// Leaves out the request: its address and headers may hold secrets.
impl fmt::Debug for TracedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedRequest").field("layer", &self.layer).finish_non_exhaustive()
    }
}

/// A client of reqwest with the layer around it. Nobody but reqwest can read the extensions of such a
/// request; [`TracedRequest::with`] takes what they would hold.
impl<S> Service<Request> for ClientService<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ReqwestFuture<S::Future>;

    fn poll_ready(&mut self, task: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.call_with(request, Extensions::new())
    }
}

impl<S: Service<Request>> ClientService<S> {
    fn call_with(
        &mut self,
        mut request: Request,
        extensions: Extensions,
    ) -> ReqwestFuture<S::Future> {
        let mut exchange = begin(&self.config, &mut request, extensions);
        let inner = self.config.call(&mut exchange, || self.inner.call(request));
        let streams = self.config.waits_for_body(&exchange);
        ReqwestFuture { call: Call::new(inner, exchange, Arc::clone(&self.config)), streams }
    }
}

impl ClientLayer {
    /// Follows as many redirects as reqwest does, but none to where this layer's
    /// [targets](Self::targets) let no trace headers go: the response that says where to go is then
    /// the answer.
    ///
    /// reqwest copies the headers of the first request to every further one, except for those that it
    /// knows to be secret. Where everybody may have trace headers, as by default, nothing changes.
    ///
    /// ```
    /// use throughline::http::ClientLayer;
    /// use throughline::propagation::Targets;
    ///
    /// # fn client() -> Result<(), Box<dyn std::error::Error>> {
    /// let trace = ClientLayer::new().targets(Targets::none().allow("https://api.example")?);
    /// let client = reqwest::Client::builder().redirect(trace.redirect_policy()).build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// To follow all of them, each hop in a span and with headers of its own, turn reqwest's redirects
    /// off and put `FollowRedirect` of tower-http around the layer.
    #[must_use]
    pub fn redirect_policy(&self) -> Policy {
        let targets = self.config.targets.clone();
        let usual = Policy::default();
        Policy::custom(move |attempt| match attempt.url().as_str().parse() {
            Ok(uri) if targets.allow_uri(&uri) => usual.redirect(attempt),
            _ => attempt.stop(),
        })
    }
}

/// Future of [`ClientService`] for reqwest.
#[pin_project]
#[must_use = "futures do nothing unless polled"]
pub struct ReqwestFuture<F> {
    #[pin]
    call: Call<F>,
    /// The span may last longer than the headers.
    streams: bool,
}

impl<F, E> Future for ReqwestFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let (result, exchange) = ready!(this.call.poll_headers(task));
        Poll::Ready(match result {
            Ok(response) if *this.streams => Ok(trace_body(response, exchange)),
            result => result,
        })
    }
}

impl<F> fmt::Debug for ReqwestFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestFuture").field("call", &self.call).finish_non_exhaustive()
    }
}

/// The layer knows requests of the crate `http`: what it may see and change is lent to one.
fn begin(config: &Config, request: &mut Request, extensions: Extensions) -> Exchange {
    let Ok(uri) = request.url().as_str().parse::<Uri>() else {
        // reqwest refuses it without sending anything.
        return Exchange::without_span(Context::current());
    };
    let mut lent = ::http::Request::new(());
    *lent.method_mut() = request.method().clone();
    *lent.uri_mut() = uri;
    *lent.version_mut() = request.version();
    *lent.extensions_mut() = extensions;
    mem::swap(lent.headers_mut(), request.headers_mut());
    let exchange = config.begin(&mut lent);
    mem::swap(lent.headers_mut(), request.headers_mut());
    exchange
}

fn trace_body(response: Response, exchange: Exchange) -> Response {
    let url = response.url().clone();
    let (mut head, body) = ::http::Response::<Body>::from(response).into_parts();
    // The conversion loses the address, which the conversion back looks for in an extension.
    if let Some(address) = Builder::new().url(url).extensions_mut() {
        head.extensions.extend(mem::take(address));
    }
    let body = Body::wrap(TracedBody::new(body, exchange, &head.headers));
    ::http::Response::from_parts(head, body).into()
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the trait behind it")]
    pub trait Sealed {}
    impl Sealed for ::reqwest::RequestBuilder {}
}
