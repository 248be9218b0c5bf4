//! The span of a request as users of `tracing` see it.

#[cfg(not(feature = "tracing"))]
mod absent;
#[cfg(feature = "tracing")]
mod ambient;
#[cfg(feature = "tracing")]
mod present;

#[cfg(not(feature = "tracing"))]
pub(super) use absent::{Entered, TracingSpan};
#[cfg(feature = "tracing")]
pub(super) use ambient::ambient;
#[cfg(feature = "tracing")]
pub(super) use present::{Entered, TracingSpan, open};
