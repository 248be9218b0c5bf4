//! What axum has of its own: routes and extractors.

mod extract;
mod record_route;

pub use record_route::{RecordRoute, RecordRouteService};
