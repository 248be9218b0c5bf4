//! The bridge to OpenTelemetry: there is one current context, and it is [`opentelemetry::Context`].
//!
//! A received [`TraceContext`] is put into an OpenTelemetry context with
//! [`ContextExt::with_trace_context`]; spans that start there are its children. What goes out is read
//! back with [`ContextExt::trace_context`] or [`TraceContext::current`]: the ids come from the active
//! span, the rest (tracestate, baggage, random bit, a deferred decision) is what came in.
//!
//! ```
//! use opentelemetry::Context;
//! use throughline::context::{TraceContext, TraceParent};
//! use throughline::otel::ContextExt;
//!
//! let parent: TraceParent =
//!     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03".parse().unwrap();
//! let cx = Context::new().with_trace_context(TraceContext::from(parent));
//! // ... start spans with `cx` as their parent, or attach it:
//! let _guard = cx.attach();
//! assert_eq!(TraceContext::current().parent(), Some(&parent));
//! ```
//!
//! A future, stream or sink runs in a context by [`ContextFuture::in_context`], work has a span that ends
//! with it by [`ActiveSpan`], and who comes from Sentry's SDKs finds their words in [`verbs`].
//!
//! # Deferred decisions
//! A `sentry-trace` may leave the sampling decision open (rule SE-3). An OpenTelemetry span context has
//! no form for that, so the SDK's own samplers take it for a decision against the trace: it is lost,
//! and goes on as `-0`. Whoever has Sentry services in the fleet gives the provider the sampler that
//! knows the difference, `ParentBased` of the feature `sdk`:
//!
//! ```
//! # #[cfg(feature = "sdk")] {
//! # use opentelemetry_sdk::trace::SdkTracerProvider;
//! # use throughline::otel::{ParentBased, RatioBased};
//! let provider =
//!     SdkTracerProvider::builder().with_sampler(ParentBased::new(RatioBased::new(0.25))).build();
//! # }
//! ```

mod active_span;
mod app_baggage;
mod bridge;
mod in_context;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "HTTP layers tell and read it"))]
mod learned;
mod links;
mod opener;
mod ot;
#[cfg(feature = "sdk")]
mod ratio;
#[cfg(test)]
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "HTTP layers ask more of a span"))]
pub(crate) mod recorded;
mod refused;
#[cfg(feature = "sdk")]
mod sampler;
mod semconv;
#[cfg(feature = "sentry")]
mod sentry;
#[cfg(any(feature = "task", feature = "websocket"))]
mod streams;
mod text_map;
pub mod verbs;
#[cfg(any(all(feature = "axum", feature = "websocket"), feature = "task"))]
mod without_hold;

pub use active_span::{ActiveSpan, InSpan};
pub(crate) use bridge::told;
pub use bridge::{ContextExt, link_to};
#[cfg(feature = "http")]
pub(crate) use bridge::{begin_with, learned, to_next_hop};
pub use in_context::{ContextFuture, InContext};
#[cfg(feature = "http")]
pub(crate) use learned::Learned;
pub use links::Links;
pub(crate) use opener::{Description, Opened, Opener, Opening, scope};
#[cfg(feature = "sdk")]
pub use ratio::RatioBased;
#[cfg(feature = "http")]
pub(crate) use refused::CountedHeaders;
pub(crate) use refused::Refused;
#[cfg(feature = "sdk")]
pub use sampler::ParentBased;
pub(crate) use semconv::{CANCELLED, ERROR_TYPE, PANIC, bounded, error_type};
#[cfg(feature = "sentry")]
pub use sentry::SentryIntegration;
pub use text_map::TextMap;
#[cfg(any(all(feature = "axum", feature = "websocket"), feature = "task"))]
pub(crate) use without_hold::without_hold;

#[cfg(doc)]
use crate::context::TraceContext;
