//! Tasks, channels and child processes: the context goes where the work goes.
//!
//! A task that is spawned, a message in a channel and a child process leave the code that began them.
//! Here each takes along the trace of where it was begun:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use throughline::context::TraceContext;
//! use throughline::otel::ContextFuture;
//! use throughline::otel::verbs::continue_trace;
//! use throughline::propagation::Propagator;
//! use throughline::task;
//!
//! let received = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
//! let caller = continue_trace(&Propagator::default(), &received);
//! let work = async { task::spawn(async { TraceContext::current() }).await.unwrap() };
//! assert!(work.in_context(caller).await.parent().is_some());
//! # });
//! ```
//!
//! | you have | you write |
//! |---|---|
//! | a task, or blocking work | [`spawn`], [`spawn_blocking`], [`spawn_local`] |
//! | work that outlives its request | [`spawn_linked`]: a trace of its own with a link |
//! | a `JoinSet`, a `LocalSet` | [`JoinSetExt`], [`LocalSetExt`] |
//! | another executor | `future.in_context(task::detached())` |
//! | a channel of tokio | [`channel`], or any channel whose values are [`Carried`] |
//! | many messages that become one | [`links`] |
//! | a stream or a sink | [`in_context`](crate::otel::ContextFuture::in_context) |
//! | a child process | [`CommandExt`], and in the child [`from_environment`] |
//!
//! # What is inherited
//!
//! | | |
//! |---|---|
//! | trace and parent, `tracestate`, Sentry's sampling context | yes; with [`spawn_linked`] as a link |
//! | the application's baggage, other values of the context | yes |
//! | suppression, as of an exporter's own calls | yes |
//! | the span itself | no: see [`detached`] |
//! | what is current when the task or the receiver runs | no, never |
//! | the span of the crate `tracing` | no; `.instrument(Span::current())` does that, and holds it open |
//!
//! Nothing here waits for a task, and nothing is unbounded.

pub mod channel;

mod carried;
mod command;
mod detached;
mod join_set;
mod links;
mod local_set;
mod spawn;

pub use crate::otel::Links;
pub use carried::Carried;
pub use command::{CommandExt, from_environment};
pub use detached::detached;
pub use join_set::JoinSetExt;
pub use links::links;
pub use local_set::LocalSetExt;
pub use spawn::{spawn, spawn_blocking, spawn_linked, spawn_local};
