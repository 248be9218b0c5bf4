//! The server's side.

mod body;
mod future;
mod layer;
mod service;
mod span;
#[cfg(test)]
mod tests;

pub use body::TracedBody;
pub use future::ServerFuture;
pub use layer::ServerLayer;
pub use service::ServerService;
