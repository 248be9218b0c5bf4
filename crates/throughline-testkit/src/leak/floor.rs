//! Tells whether a stretch of code left a context attached, by OpenTelemetry's public API alone.

use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, ContextGuard};

/// A copy of the current context, attached under the code that is looked at.
///
/// Contexts cannot be compared, so the copy holds a mark of its own. Guards that go in the wrong
/// order leave the top of the stack alone; what lies on the floor shows itself by that.
#[derive(Debug)]
pub(crate) struct Floor {
    mark: Mark,
    guard: ContextGuard,
}

impl Floor {
    pub(crate) fn lay() -> Self {
        let mark = Mark(Arc::new(()));
        let guard = Context::current_with_value(mark.clone()).attach();
        Self { mark, guard }
    }

    /// Takes the floor up, and tells which context lies on it, if one does.
    pub(crate) fn lift(self) -> Option<LeftContext> {
        let Self { mark, guard } = self;
        // A context that was made from nothing hides the mark while it is on top.
        let hidden = !mark.is_current();
        drop(guard);
        // One that was made from the current one has the mark in it, and stays.
        (hidden || mark.is_current()).then(LeftContext::current)
    }
}

/// What can be told about a context that is still attached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LeftContext {
    /// Trace id and span id of its span.
    ids: Option<(String, String)>,
    suppressed: bool,
}

impl LeftContext {
    fn current() -> Self {
        Context::map_current(|cx| {
            let span = cx.span();
            let span = span.span_context();
            let ids = (span.trace_id().to_string(), span.span_id().to_string());
            Self { ids: span.is_valid().then_some(ids), suppressed: cx.is_telemetry_suppressed() }
        })
    }
}

impl fmt::Display for LeftContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ids {
            Some((trace, span)) => write!(f, "a context with span {span} of trace {trace}")?,
            None => f.write_str("a context without a span")?,
        }
        if self.suppressed {
            f.write_str(", telemetry suppressed,")?;
        }
        f.write_str(" is still attached")
    }
}

/// Told apart by its address, which nobody else gets while a context holds it.
#[derive(Clone, Debug)]
struct Mark(Arc<()>);

impl Mark {
    fn is_current(&self) -> bool {
        Context::map_current(|cx| {
            cx.get::<Self>().is_some_and(|mark| Arc::ptr_eq(&mark.0, &self.0))
        })
    }
}
