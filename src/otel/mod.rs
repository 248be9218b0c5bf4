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

mod bridge;
mod in_context;
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "HTTP layers tell and read it"))]
mod learned;
#[cfg(feature = "sdk")]
mod ratio;
#[cfg(feature = "sdk")]
mod sampler;
mod text_map;

pub use bridge::{ContextExt, link_to};
#[cfg(feature = "http")]
pub(crate) use bridge::{begin_with, learned};
pub use in_context::{ContextFuture, InContext};
#[cfg(feature = "http")]
pub(crate) use learned::Learned;
#[cfg(feature = "sdk")]
pub use ratio::RatioBased;
#[cfg(feature = "sdk")]
pub use sampler::ParentBased;
pub use text_map::TextMap;

#[cfg(doc)]
use crate::context::TraceContext;
