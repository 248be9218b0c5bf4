//! One trace, end to end.

pub mod context;
#[cfg(feature = "http")]
pub mod http;
pub mod limits;
pub mod otel;
pub mod propagation;
#[cfg(feature = "websocket")]
pub mod websocket;
