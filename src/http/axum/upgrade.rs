use axum::extract::ws::{OnFailedUpgrade, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use opentelemetry::Context;

use crate::otel::ContextFuture;

/// Takes a request's context along when its connection becomes a WebSocket.
pub trait WebSocketUpgradeExt: sealed::Sealed {
    /// Like `on_upgrade`, with the current context around the callback and its future. The
    /// handshake's span has ended by then, so it does not grow with the connection; spans that begin
    /// in the callback are its children.
    ///
    /// ```
    /// use axum::extract::ws::WebSocketUpgrade;
    /// use axum::response::Response;
    /// use throughline::context::TraceContext;
    /// use throughline::http::WebSocketUpgradeExt;
    ///
    /// async fn events(upgrade: WebSocketUpgrade) -> Response {
    ///     upgrade.on_upgrade_traced(async |mut socket| {
    ///         let trace = TraceContext::current(); // that of the handshake
    ///         while socket.recv().await.is_some() {}
    /// #       drop(trace);
    ///     })
    /// }
    /// # axum::Router::<()>::new().route("/", axum::routing::any(events));
    /// ```
    fn on_upgrade_traced<C, Fut>(self, callback: C) -> Response
    where
        C: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static;
}

impl<F: OnFailedUpgrade> WebSocketUpgradeExt for WebSocketUpgrade<F> {
    fn on_upgrade_traced<C, Fut>(self, callback: C) -> Response
    where
        C: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let cx = Context::current();
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
