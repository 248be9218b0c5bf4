//! Asks an HTTP layer what becomes of its span when a request goes wrong, and what it costs.
//!
//! A [`Subject`] is a layer together with what its documentation says to install. Each of [`ROWS`]
//! sends it a request on a [`Bed`] of its own and says in a few words what was seen. Order is told by
//! events, never by a clock.
//!
//! The peers live in `benches/peers/layers`, outside of the workspace; `cargo xtask peers --scenarios`
//! runs them beside [`Throughline`] and prints the [`page`].

mod bed;
mod log;
mod page;
mod questions;
mod recorder;
mod rows;
mod subject;
mod us;

pub use bed::Bed;
pub use log::{EndedSpan, Log, Outcome};
pub use page::{Column, objections, page};
pub use questions::allocations::{Bare, counted};
pub use rows::{ROWS, Row};
pub use subject::{App, Callback, Subject, TRACE_ID, Task, boxed, trace_id_of};
pub use us::Throughline;
