//! The server's side.

mod attributes;
mod config;
mod future;
mod hooks;
mod layer;
mod origin;
mod response_header;
mod service;
mod span;
#[cfg(test)]
mod tests;

pub use future::ServerFuture;
pub use layer::ServerLayer;
pub use origin::PeerAddress;
pub use response_header::ResponseHeader;
pub use service::ServerService;
