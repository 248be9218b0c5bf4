use std::ops::Deref;

use throughline_testkit::{InMemorySpans, LeakCheck};

/// The spans of a test that leaves nothing behind: no context on its thread, no span without an end.
/// It looks when it is dropped, so it belongs into the first line.
///
/// Runtimes of these tests have one thread, where the tasks of servers and clients run too.
#[derive(Debug)]
pub(crate) struct CheckedSpans {
    spans: InMemorySpans,
    _check: LeakCheck,
}

impl CheckedSpans {
    pub(crate) fn new() -> Self {
        Self::of(InMemorySpans::new())
    }

    pub(crate) fn for_service(name: &str) -> Self {
        Self::of(InMemorySpans::for_service(name))
    }

    pub(crate) fn of(spans: InMemorySpans) -> Self {
        let check = LeakCheck::new().spans(&spans);
        Self { spans, _check: check }
    }
}

impl Deref for CheckedSpans {
    type Target = InMemorySpans;

    fn deref(&self) -> &InMemorySpans {
        &self.spans
    }
}

#[test]
#[should_panic = "is still attached"]
fn a_context_that_is_left_behind_fails_the_test() {
    let _spans = CheckedSpans::new();
    std::mem::forget(opentelemetry::Context::new().attach());
}

#[test]
#[should_panic = "has not ended"]
fn a_span_without_an_end_fails_the_test() {
    use opentelemetry::trace::{Tracer, TracerProvider};
    let _open;
    let spans = CheckedSpans::new();
    _open = spans.provider().tracer("test").start("open");
    drop(spans);
}
