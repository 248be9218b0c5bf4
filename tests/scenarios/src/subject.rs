//! Whoever is asked.

use std::any::Any;
use std::convert::Infallible;

use axum::body::Body;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt as _, TraceContextExt as _};
use opentelemetry_http::HeaderInjector;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

use crate::bed::Bed;
use crate::questions::allocations::Bare;

/// A service, with a layer around it or without.
pub type App = BoxCloneSyncService<Request<Body>, Response, Infallible>;

/// Work that a handler leaves behind.
pub type Task = BoxFuture<'static, ()>;

/// What becomes of an upgraded connection.
pub type Callback = Box<dyn FnOnce(WebSocket) -> Task + Send>;

/// A layer, together with what its documentation says to install and to call.
///
/// The defaults are those of layers on OpenTelemetry's global providers.
pub trait Subject: Send + Sync {
    /// Name and version, as the head of a column.
    fn name(&self) -> String;

    /// The service behind the layer.
    fn around(&self, app: App, bed: &Bed) -> App;

    /// The layer around a service that does nothing, with spans alone: allocations of a request that
    /// has these headers, by [`counted`](crate::counted).
    fn allocations(&self, bare: Bare, headers: &HeaderMap, bed: &Bed) -> u64;

    /// What is in place on the thread while requests run. Dropped behind them.
    fn installed(&self, _bed: &Bed) -> Box<dyn Any> {
        Box::new(())
    }

    /// The header that it reads its caller from, and its value for a sampled trace or another.
    fn caller(&self, sampled: bool) -> (&'static str, &'static str) {
        ("traceparent", if sampled { SAMPLED } else { UNSAMPLED })
    }

    /// The trace that its users find to be the current one.
    fn trace_id(&self) -> Option<String> {
        trace_id_of(&Context::current())
    }

    /// Writes the headers of an outgoing request.
    fn inject(&self, headers: &mut HeaderMap) {
        opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&Context::current(), &mut HeaderInjector(headers));
        });
    }

    /// The task in the current context.
    fn carried(&self, task: Task) -> Task {
        Box::pin(task.with_context(Context::current()))
    }

    /// The callback on the upgraded connection, by whatever the crate has for that.
    fn on_upgrade(&self, upgrade: WebSocketUpgrade, callback: Callback) -> Response {
        upgrade.on_upgrade(callback)
    }
}

/// Hides the types of a service behind a layer.
pub fn boxed<S, B>(service: S) -> App
where
    S: Service<Request<Body>, Response = http::Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    BoxCloneSyncService::new(service.map_response(|response| response.map(Body::new)))
}

/// The trace of a context; none if it has none.
pub fn trace_id_of(cx: &Context) -> Option<String> {
    let span = cx.span();
    let span = span.span_context();
    span.is_valid().then(|| span.trace_id().to_string())
}

/// The caller's trace, as every [`Subject::caller`] has to name it.
pub const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
