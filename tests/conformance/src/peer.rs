//! Whoever is judged.

use http::HeaderMap;
use serde_json::Value;

use crate::header::Header;

/// The caller, as a peer says that it has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// 32 digits.
    pub trace_id: String,
    /// 16 digits.
    pub parent_id: String,
    /// None where the decision is left to others.
    pub sampled: Option<bool>,
}

/// A service of one hop.
pub trait Peer {
    /// Name and version, as the head of a column.
    fn name(&self) -> String;

    /// The headers that it says it reads and writes. It is asked about nothing else.
    fn claims(&self) -> &[Header];

    /// Reads what was received and writes what goes out into `sent`, which may hold headers already.
    /// Returns the caller.
    ///
    /// `settings` is a `Propagator` of this library as JSON. A peer looks for what it has a setting for.
    fn hop(&self, settings: &Value, received: &HeaderMap, sent: &mut HeaderMap) -> Option<Parent>;

    /// Whether its hop has a span, so that what goes out names another parent than what came in.
    fn opens_span(&self) -> bool {
        false
    }

    /// The key of a member that it adds to every `tracestate`.
    fn own_member(&self) -> Option<&str> {
        None
    }

    /// A `tracestate` after a member is set: as it was, if the member is refused. None where its API has
    /// no such function.
    fn set_member(&self, _list: &str, _key: &str, _value: &str) -> Option<String> {
        None
    }

    /// The `baggage` that is sent when these keys and values are added to an empty list one after the
    /// other, without those that are refused. None where its API has no such function.
    fn encode_baggage(&self, _members: &[(&str, &str)]) -> Option<String> {
        None
    }
}
