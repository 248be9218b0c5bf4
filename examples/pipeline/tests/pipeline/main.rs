//! The pipeline as it runs: every service a process of its own, joined by real sockets, read back
//! from the spans that it exports, the rows that it writes and what it says.
//!
//! `cfg(test)` is always on here. It tells clippy that functions beside the tests may panic too.

#[cfg(test)]
mod harness;

#[cfg(test)]
mod bad_days;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod continuation;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod heartbeats;
#[cfg(test)]
mod page;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod relayed;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod streamed;
#[cfg(test)]
mod whole_way;
