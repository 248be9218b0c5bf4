//! Judges readers and writers of trace headers by `tests/vectors/wire-vectors.json`.
//!
//! A [`Peer`] is a service of one hop: it reads what came in and writes what goes out. [`judge`] puts
//! every case to it that is about headers which it claims, and compares by meaning: other bytes that
//! say the same are right. What no specification demands is counted apart, see [`apart`].
//!
//! The peers live in `benches/peers`, outside of the workspace, and print their [`Verdict`]s as JSON;
//! `cargo xtask conformance` puts them together. This library is judged in the same way.

mod apart;
mod case;
#[expect(dead_code, reason = "the judge reads less of a case than the reference")]
#[path = "../../vectors/format.rs"]
mod format;
mod header;
mod judge;
mod left_out;
mod meaning;
mod page;
mod peer;
mod reasons;
mod table;
#[cfg(feature = "throughline")]
mod us;
mod verdict;

pub use apart::apart;
pub use case::{Case, cases};
pub use header::Header;
pub use judge::judge;
pub use page::page;
pub use peer::{Parent, Peer};
pub use reasons::outdated;
pub use table::{Cell, Row, Table, text};
#[cfg(feature = "throughline")]
pub use us::Throughline;
pub use verdict::{Outcome, Verdict, version_in};

/// The cases, as they stand in the repository.
pub const VECTORS: &str = include_str!("../../vectors/wire-vectors.json");
