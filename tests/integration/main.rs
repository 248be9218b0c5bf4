//! Tests of several parts together, over real connections where the work goes through one.
//!
//! `cfg(test)` is always on here. It tells clippy that functions beside the tests may panic too.

#[cfg(test)]
mod bridge;
#[cfg(test)]
mod checked_spans;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod http;
#[cfg(test)]
mod http_client;
#[cfg(test)]
mod messaging;
#[cfg(feature = "nats")]
#[cfg(test)]
mod nats;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod protocol_page;
#[cfg(all(test, feature = "sentry"))]
mod sentry;
#[cfg(feature = "task")]
#[cfg(test)]
mod task;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod websocket;
#[cfg(feature = "tracing")]
#[cfg(test)]
mod with_tracing;
