//! What axum has of its own: routes, extractors, WebSocket upgrades.

mod extract;
mod record_route;
mod upgrade;

pub use record_route::{RecordRoute, RecordRouteService};
pub use upgrade::WebSocketUpgradeExt;
