//! Channels of tokio whose messages carry the context that they were sent in.
//!
//! Senders are thin: each message becomes a [`Carried`](super::Carried) with the context that is current
//! where it is sent. Receivers are tokio's own, as are order, capacity and errors; what cannot be sent
//! comes back in the error, value and context.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use throughline::context::TraceContext;
//! use throughline::otel::ContextFuture;
//! use throughline::otel::verbs::continue_trace;
//! use throughline::propagation::Propagator;
//! use throughline::task::channel;
//!
//! let (orders, mut received) = channel::mpsc(8);
//! let caller = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
//! let caller = continue_trace(&Propagator::default(), &caller);
//! orders.send("tea").in_context(caller).await.unwrap();
//!
//! let order = received.recv().await.unwrap();
//! let parent = order.in_context(async |_| *TraceContext::current().parent().unwrap()).await;
//! assert_eq!(parent.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
//! # });
//! ```
//!
//! There is no unbounded one: a receiver that is too slow would cost memory until there is none. There
//! is no `watch` either: it holds a state, not messages, of which most are never seen. Who wants to know
//! where a state came from, or has an unbounded channel all the same, makes the
//! [`Carried`](super::Carried) where it is sent.

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;

pub use broadcast::broadcast;
pub use mpsc::mpsc;
pub use oneshot::oneshot;
