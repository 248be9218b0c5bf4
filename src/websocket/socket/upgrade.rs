use axum::extract::ws::{OnFailedUpgrade, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use opentelemetry::Context;

use super::{SocketTracing, Subprotocol, TracedWebSocket};
use crate::otel::{ContextFuture, without_hold};

/// Takes a request's context along when its connection becomes a WebSocket of axum.
///
/// It takes no span along: that of the handshake ends with its answer and does not grow with the
/// connection, whoever has opened it. If the upgrade fails, the callback is dropped without a call, and
/// no connection has been opened.
pub trait WebSocketUpgradeExt: sealed::Sealed {
    /// Like `on_upgrade`, with a traced socket for the callback. Its connection is a child of the
    /// handshake's span. Binary messages have frames if `protocols` was told of a [`Subprotocol`] that
    /// says so, and the client has offered it.
    ///
    /// ```
    /// use axum::extract::ws::WebSocketUpgrade;
    /// use axum::response::Response;
    /// use futures_util::StreamExt;
    /// use serde_json::Value;
    /// use throughline::websocket::{Envelope, WebSocketUpgradeExt};
    ///
    /// async fn events(upgrade: WebSocketUpgrade) -> Response {
    ///     upgrade.on_upgrade_traced(Envelope::json(), async |mut socket| {
    ///         while let Some(Ok(incoming)) = socket.next().await {
    ///             let _ = incoming.in_span(async |event: Value| println!("{event}")).await;
    ///         }
    ///     })
    /// }
    /// # axum::Router::<()>::new().route("/", axum::routing::any(events));
    /// ```
    fn on_upgrade_traced<C, Fut>(self, tracing: impl Into<SocketTracing>, callback: C) -> Response
    where
        C: FnOnce(TracedWebSocket<WebSocket>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static;

    /// Like `on_upgrade`, with the current context around the callback and its future: spans that begin
    /// there are children of the handshake's.
    ///
    /// ```
    /// use axum::extract::ws::WebSocketUpgrade;
    /// use axum::response::Response;
    /// use throughline::context::TraceContext;
    /// use throughline::websocket::WebSocketUpgradeExt;
    ///
    /// async fn events(upgrade: WebSocketUpgrade) -> Response {
    ///     upgrade.on_upgrade_in_context(async |mut socket| {
    ///         let trace = TraceContext::current(); // that of the handshake
    ///         while socket.recv().await.is_some() {}
    /// #       drop(trace);
    ///     })
    /// }
    /// # axum::Router::<()>::new().route("/", axum::routing::any(events));
    /// ```
    fn on_upgrade_in_context<C, Fut>(self, callback: C) -> Response
    where
        C: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static;
}

impl<F: OnFailedUpgrade> WebSocketUpgradeExt for WebSocketUpgrade<F> {
    fn on_upgrade_traced<C, Fut>(self, tracing: impl Into<SocketTracing>, callback: C) -> Response
    where
        C: FnOnce(TracedWebSocket<WebSocket>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let tracing = tracing.into();
        self.on_upgrade_in_context(move |socket| {
            let agreed = socket.protocol().and_then(|name| name.to_str().ok()).map(Subprotocol::of);
            callback(TracedWebSocket::new(socket, tracing).agreed(agreed.as_ref()))
        })
    }

    fn on_upgrade_in_context<C, Fut>(self, callback: C) -> Response
    where
        C: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let cx = Context::map_current(without_hold);
        self.on_upgrade(move |socket| {
            let future = {
                let _current = cx.clone().attach();
                callback(socket)
            };
            future.in_context(cx)
        })
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the trait behind it")]
    pub trait Sealed {}
    impl<F> Sealed for axum::extract::ws::WebSocketUpgrade<F> {}
}
