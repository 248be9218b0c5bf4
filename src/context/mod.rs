//! What travels: plain values, without input, output or clock.
//!
//! [`TraceContext`] is the whole: a [`TraceParent`] (which span of which trace, and whether it is
//! sampled), a [`TraceState`] (what vendors add to it) and [`Baggage`] (what applications add, with
//! Sentry's dynamic sampling context in it). Lists stay the bytes that were received: they are
//! checked once, shared by reference count, and decoded when somebody reads them.
//!
//! ```
//! use throughline::context::{Decision, TraceContext, TraceParent};
//!
//! let parent: TraceParent =
//!     "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
//! let mut context = TraceContext::from(parent);
//! context.baggage_mut().push("tenant", "blue green").unwrap();
//! assert_eq!(context.sampled(), Some(true));
//! assert_eq!(parent.decision(), Decision::Sampled);
//! assert_eq!(context.baggage().as_str(), "tenant=blue%20green");
//! ```

mod baggage;
mod ids;
mod list;
mod percent;
mod trace_context;
mod trace_parent;
mod trace_state;

pub use baggage::{Baggage, BaggageError, Member, Members, Properties, SentryView};
pub(crate) use baggage::{SENTRY_PREFIX, leading_octets, leading_properties, leading_token};
pub use ids::{IdError, SpanId, TraceId};
pub(crate) use ids::{decode_hex, encode_hex};
pub(crate) use list::{trim_ows, trim_ows_start};
pub(crate) use percent::decode as percent_decode;
#[cfg(feature = "websocket")]
pub(crate) use percent::encode as percent_encode;
pub use trace_context::TraceContext;
pub use trace_parent::{Decision, TraceParent};
pub use trace_state::{Entries, TraceState, TraceStateError};
pub(crate) use trace_state::{is_value, leading_key, leading_value};
