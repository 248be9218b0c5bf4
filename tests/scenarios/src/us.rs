//! This library, asked like everybody.

use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use http::HeaderMap;
use throughline::context::TraceContext;
use throughline::http::ServerLayer;
use throughline::propagation::Propagator;
use throughline::websocket::WebSocketUpgradeExt as _;
use tower::Layer as _;

use crate::bed::Bed;
use crate::questions::allocations::{Bare, counted};
use crate::subject::{App, Callback, Subject, boxed};

/// This library.
#[derive(Clone, Copy, Debug)]
pub struct Throughline;

impl Subject for Throughline {
    fn name(&self) -> String {
        "throughline".to_owned()
    }

    fn around(&self, app: App, _: &Bed) -> App {
        boxed(ServerLayer::new().layer(app))
    }

    fn allocations(&self, bare: Bare, headers: &HeaderMap, _: &Bed) -> u64 {
        counted(ServerLayer::new().metrics(false).layer(bare), headers)
    }

    fn inject(&self, headers: &mut HeaderMap) {
        Propagator::default().inject(&TraceContext::current(), headers);
    }

    fn on_upgrade(&self, upgrade: WebSocketUpgrade, callback: Callback) -> Response {
        upgrade.on_upgrade_in_context(callback)
    }
}
