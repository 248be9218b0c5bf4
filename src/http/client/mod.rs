//! The client's side.

mod future;
mod http_client;
mod layer;
mod service;
mod span;
#[cfg(test)]
mod tests;

pub use future::ClientFuture;
pub use layer::ClientLayer;
pub use service::ClientService;
