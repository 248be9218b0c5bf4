use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::{Link, SpanBuilder, SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, InstrumentationScope, KeyValue, global};

/// Opens spans with a tracer whose type is erased.
///
/// The tracer puts its span into a context by itself. OpenTelemetry boxes the span there once in any
/// case; its own erased tracer, which the global provider has to use, boxes it a second time.
pub(crate) struct Opener {
    open: Box<Open>,
    /// The last span got no id of its own: there is no SDK behind the tracer. Attributes are then
    /// built only when a span turns out to be recorded.
    idle: AtomicBool,
}

type Open = dyn Fn(SpanBuilder, &Context) -> Context + Send + Sync;

impl Opener {
    /// Spans of the global tracer provider. It is looked up when the first span is opened, so that it
    /// may be installed after the layer was made.
    pub(crate) fn global() -> Self {
        let tracer = LazyLock::new(|| global::tracer_with_scope(scope()));
        Self::new(move |builder, parent| {
            parent.with_span(tracer.build_with_context(builder, parent))
        })
    }

    pub(crate) fn of<P>(provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        let tracer = provider.tracer_with_scope(scope());
        Self::new(move |builder, parent| {
            parent.with_span(tracer.build_with_context(builder, parent))
        })
    }

    fn new(open: impl Fn(SpanBuilder, &Context) -> Context + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open), idle: AtomicBool::new(false) }
    }

    /// Opens a span below `parent`. `describe` is called once if the span is recorded, and not at all
    /// if that is known not to happen.
    ///
    /// Attributes have to be there at the start, since samplers look at them. Only where the parent
    /// was dropped is the sampler asked first.
    pub(crate) fn open(
        &self,
        parent: &Context,
        opening: Opening,
        describe: impl FnOnce() -> Description,
    ) -> Opened {
        let mut builder = SpanBuilder::from_name(opening.plain_name).with_kind(opening.kind);
        builder.links = (!opening.links.is_empty()).then_some(opening.links);
        let mut attributes = opening.hint;
        let describe = if opening.expect_recording && !self.idle.load(Ordering::Relaxed) {
            let mut description = describe();
            builder.name = description.name;
            description.attributes.append(&mut attributes);
            attributes = description.attributes;
            None
        } else {
            Some(describe)
        };
        builder.attributes = (!attributes.is_empty()).then_some(attributes);
        let opened = Opened::from((self.open)(builder, parent));
        if let (true, Some(describe)) = (opened.recording, describe) {
            let (description, span) = (describe(), opened.cx.span());
            span.update_name(description.name);
            span.set_attributes(description.attributes);
        }
        self.note_idle(parent, &opened.cx);
        opened
    }

    fn note_idle(&self, parent: &Context, cx: &Context) {
        let (parent, span) = (parent.span(), cx.span());
        let (parent, span) = (parent.span_context(), span.span_context());
        let idle = !span.is_valid() || span.span_id() == parent.span_id();
        // Written only when it changes: all workers read this line.
        if self.idle.load(Ordering::Relaxed) != idle {
            self.idle.store(idle, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

/// How a span is opened.
pub(crate) struct Opening {
    pub(crate) kind: SpanKind,
    /// The name of a span that is not recorded: it costs nothing.
    pub(crate) plain_name: &'static str,
    pub(crate) links: Vec<Link>,
    /// Attributes that the sampler sees in any case.
    pub(crate) hint: Vec<KeyValue>,
    /// Whether the parent's decision leaves it open that the span is recorded.
    pub(crate) expect_recording: bool,
}

/// A span that has begun, as the active one of its context.
pub(crate) struct Opened {
    pub(crate) cx: Context,
    /// The span takes attributes.
    pub(crate) recording: bool,
}

impl From<Context> for Opened {
    fn from(cx: Context) -> Self {
        let recording = cx.span().is_recording();
        Self { cx, recording }
    }
}

/// What a recorded span says from its start.
pub(crate) struct Description {
    pub(crate) name: Cow<'static, str>,
    pub(crate) attributes: Vec<KeyValue>,
}

/// The instrumentation scope of everything that this crate records.
pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use opentelemetry::trace::noop::NoopTracerProvider;
    use opentelemetry_sdk::trace::Sampler;

    use super::*;
    use crate::context::{TraceContext, TraceParent};
    use crate::otel::ContextExt;
    use crate::otel::recorded::Recorded;

    const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn described(spans: &Opener, parent: &Context, expect_recording: bool) -> usize {
        let times = Cell::new(0);
        let opening = Opening {
            kind: SpanKind::Server,
            plain_name: "GET",
            links: Vec::new(),
            hint: Vec::new(),
            expect_recording,
        };
        let opened = spans.open(parent, opening, || {
            times.set(times.get() + 1);
            Description { name: "GET /".into(), attributes: vec![KeyValue::new("a", 1)] }
        });
        opened.cx.span().end();
        times.get()
    }

    fn unsampled() -> Context {
        let parent: TraceParent = UNSAMPLED.parse().unwrap();
        Context::new().with_trace_context(TraceContext::from(parent))
    }

    #[test]
    fn without_an_sdk_nothing_is_described_after_the_first_span() {
        let spans = Opener::of(&NoopTracerProvider::new());
        described(&spans, &Context::new(), true);
        assert_eq!(described(&spans, &Context::new(), true), 0);
        assert_eq!(described(&spans, &unsampled(), true), 0);
    }

    #[test]
    fn a_span_that_the_parents_decision_drops_is_not_described() {
        let recorded = Recorded::default();
        let spans = Opener::of(&recorded.provider());
        assert_eq!(described(&spans, &unsampled(), false), 0);
        assert_eq!(described(&spans, &Context::new(), true), 1);
    }

    #[test]
    fn a_span_that_is_recorded_against_the_parents_decision_is_described_all_the_same() {
        let recorded = Recorded::default();
        let spans = Opener::of(&recorded.sampled_by(Sampler::AlwaysOn));
        assert_eq!(described(&spans, &unsampled(), false), 1);
        let span = recorded.one();
        assert_eq!((span.name.as_ref(), span.attributes.len()), ("GET /", 1));
    }
}
