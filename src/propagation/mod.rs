//! Text to values and back: one wire format per file, without input, output, clock or randomness.
//!
//! A [`Propagator`] says which formats are read and written. It reads from anything that is an
//! [`Extractor`] and writes into anything that is an [`Injector`]: header maps, string maps, lists of
//! pairs, environment variables, and your own.
//!
//! Extraction never fails a request: a field that breaks its format is left out and reported in
//! [`Extraction::refused`].
//!
//! ```
//! use http::HeaderMap;
//! use throughline::propagation::Propagator;
//!
//! let propagator = Propagator::default();
//! let mut received = HeaderMap::new();
//! received.insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
//! let context = propagator.extract(&received).context;
//!
//! let mut sent = HeaderMap::new();
//! propagator.inject(&context, &mut sent);
//! assert_eq!(sent["sentry-trace"], "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1");
//! ```

mod b3;
mod baggage;
mod baggage_keys;
mod carrier;
mod cloud_events;
#[cfg(feature = "serde")]
mod config;
mod datadog;
mod environment;
mod error;
mod extraction;
mod field;
mod format;
mod grpc_trace_bin;
mod html;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "tonic")]
mod metadata;
mod names;
#[cfg(feature = "nats")]
mod nats;
mod propagator;
mod received;
mod sampling_context;
mod sentry_config;
mod sentry_trace;
mod targets;
mod trace_texts;
mod traceparent;
mod tracestate;
mod trust;
mod xray;

pub use baggage_keys::BaggageKeys;
pub use carrier::{Extractor, FieldValue, Injector};
#[cfg(feature = "json")]
pub use cloud_events::CloudEventAttributes;
pub use cloud_events::CloudEventHeaders;
pub use environment::Environment;
pub use error::{ParseError, Rule};
pub use extraction::Extraction;
pub use field::Field;
pub use format::Format;
pub use html::HtmlMeta;
pub use names::UnknownFormat;
pub use propagator::Propagator;
pub use received::{RawValue, Received};
pub use sentry_config::{SentryConfig, SentryConfigError};
pub use targets::{TargetError, Targets};
pub use trust::Trust;
