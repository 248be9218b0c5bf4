//! The client's side.

mod attributes;
mod config;
mod extension;
mod future;
mod hooks;
mod http_client;
mod layer;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;
mod span;
#[cfg(test)]
mod tests;

pub use extension::{NoPropagate, ResendCount, UrlTemplate};
pub use future::ClientFuture;
pub use layer::ClientLayer;
#[cfg(feature = "reqwest")]
pub use reqwest::{RequestBuilderExt, ReqwestFuture, TracedRequest};
pub use service::ClientService;
