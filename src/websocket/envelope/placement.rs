use super::level::{Level, Role};
use crate::propagation::Field;

/// Where in a JSON object the context stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// `_trace`: `{traceparent, tracestate, sentry-trace, baggage}`.
    Trace,
    /// `_sentry`: `{trace, baggage}`, as Sentry's users write it.
    Sentry,
    /// `_meta`: `{traceparent, tracestate, baggage}`, as the Model Context Protocol has it, beside
    /// whatever else stands there. Its requests and results have it one level down:
    /// `Placement::path(["params", "_meta"])`.
    Meta,
    /// The fields of `_trace` in the object at this path, beside whatever else stands there: see
    /// [`Placement::path`].
    Path(Vec<String>),
    /// `_trace` and `_sentry` in the object at this path: see [`Placement::nested`].
    Nested(Vec<String>),
}

impl Placement {
    /// The fields of `_trace` in the object at this path, beside whatever else stands there: GraphQL's
    /// `["extensions"]`, a job's `["headers"]`, `["params", "_meta"]` of a JSON-RPC request. An object
    /// that is not there is made, unless something else has its name. An empty path is the message's
    /// own object.
    #[must_use]
    pub fn path<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::Path(path.into_iter().map(Into::into).collect())
    }

    /// `_trace` and `_sentry` in the object at this path, for messages that wrap an event which has
    /// a context of its own: `{"type":"event","event":{"_sentry":{..}, ..}}` with `["event"]`.
    #[must_use]
    pub fn nested<S: Into<String>>(path: impl IntoIterator<Item = S>) -> Self {
        Self::Nested(path.into_iter().map(Into::into).collect())
    }

    /// Adds what stands there to the outermost level.
    pub(super) fn add_to(&self, top: &mut Level) {
        match self {
            Self::Trace => top.add("_trace", Role::Context).add_fields(TRACE),
            Self::Sentry => top.add("_sentry", Role::Context).add_fields(SENTRY),
            Self::Meta => top.add("_meta", Role::Object).add_fields(META),
            Self::Path(path) => inside(top, path).add_fields(TRACE),
            Self::Nested(path) => {
                let level = inside(top, path);
                Self::Trace.add_to(level);
                Self::Sentry.add_to(level);
            }
        }
    }
}

fn inside<'l>(top: &'l mut Level, path: &[String]) -> &'l mut Level {
    path.iter().fold(top, |level, name| level.add(name, Role::Object))
}

/// Fields and their names, in the order in which they are written.
pub(super) type Fields = &'static [(&'static str, Field)];

const TRACE: Fields = &[
    ("traceparent", Field::TraceParent),
    ("tracestate", Field::TraceState),
    ("sentry-trace", Field::SentryTrace),
    ("baggage", Field::Baggage),
];

const SENTRY: Fields = &[("trace", Field::SentryTrace), ("baggage", Field::Baggage)];

const META: Fields = &[
    ("traceparent", Field::TraceParent),
    ("tracestate", Field::TraceState),
    ("baggage", Field::Baggage),
];
