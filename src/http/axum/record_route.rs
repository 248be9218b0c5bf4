use std::sync::Arc;
use std::task::{self, Poll};

use ::http::Request;
use axum::extract::MatchedPath;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use tower::{Layer, Service};

use crate::http::semconv::{HTTP_ROUTE, KnownMethod};
use crate::otel::learned;

/// Tells a [`ServerLayer`](crate::http::ServerLayer) that stands outside of the router which route was
/// matched, so that its span and metrics have it.
///
/// A layer that is added by `Router::layer` finds the route by itself. Outside of the router, where a
/// layer also sees what middleware refuses before routing, this one is added inside, by
/// `Router::route_layer`. The first route that is told counts; a name that the outer layer was given
/// by its hook stays.
///
/// ```
/// use axum::{Router, routing::get};
/// use throughline::http::{RecordRoute, ServerLayer};
/// use tower::Layer;
///
/// let app = Router::new()
///     .route("/users/{id}", get(|| async { "found" }))
///     .route_layer(RecordRoute::new());
/// let app = ServerLayer::new().layer(app);
/// # fn a_service(_: impl tower::Service<axum::http::Request<axum::body::Body>>) {}
/// # a_service(app);
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RecordRoute(());

impl RecordRoute {
    /// Tells whoever listens.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for RecordRoute {
    type Service = RecordRouteService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RecordRouteService { inner }
    }
}

/// Service of [`RecordRoute`].
#[derive(Clone, Debug)]
pub struct RecordRouteService<S> {
    inner: S,
}

impl<S, ReqBody> Service<Request<ReqBody>> for RecordRouteService<S>
where
    S: Service<Request<ReqBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, task: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<ReqBody>) -> S::Future {
        if let Some(route) = request.extensions().get::<MatchedPath>() {
            let method = KnownMethod::of(request.method());
            Context::map_current(|cx| tell(cx, method, route.as_str()));
        }
        self.inner.call(request)
    }
}

fn tell(cx: &Context, method: KnownMethod, route: &str) {
    let Some(learned) = learned(cx) else { return };
    let shared: Arc<str> = Arc::from(route);
    if !learned.tell_route(Arc::clone(&shared)) {
        return;
    }
    let name = Arc::new(method.span_name_for(route));
    let is_news = learned.tell_transaction(Arc::clone(&name));
    let span = cx.span();
    if span.is_recording() {
        span.set_attribute(KeyValue::new(HTTP_ROUTE, shared));
        if is_news {
            span.update_name(String::clone(&name));
        }
    }
}
