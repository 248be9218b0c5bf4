use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{Tracer, TracerProvider};

use super::active::Active;
#[cfg(feature = "tracing")]
use super::tracing_span;
use crate::otel::Opener;
pub(super) use crate::otel::{Description, Opening, scope};

/// Whose spans a layer opens: see [`ServerLayer::spans`](super::ServerLayer::spans).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spans {
    /// OpenTelemetry's, made by the layer's tracer provider.
    #[default]
    OpenTelemetry,
    /// Those of the crate `tracing`, which tracing-opentelemetry exports: see the
    /// [module](crate::http#with-tracing).
    #[cfg(feature = "tracing")]
    Tracing,
}

/// Where the spans of a layer come from.
#[derive(Debug)]
pub(super) enum SpanSource {
    OpenTelemetry(Opener),
    #[cfg(feature = "tracing")]
    Tracing,
}

impl SpanSource {
    /// Spans of the global tracer provider.
    pub(super) fn global() -> Self {
        Self::OpenTelemetry(Opener::global())
    }

    pub(super) fn of<P>(provider: &P) -> Self
    where
        P: TracerProvider,
        P::Tracer: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        Self::OpenTelemetry(Opener::of(provider))
    }

    /// A source of such spans; the one that was there, if its spans are.
    pub(super) fn switched(known: Option<Arc<Self>>, spans: Spans) -> Arc<Self> {
        match spans {
            Spans::OpenTelemetry => {
                let known = known.filter(|known| matches!(**known, Self::OpenTelemetry(_)));
                known.unwrap_or_else(|| Arc::new(Self::global()))
            }
            #[cfg(feature = "tracing")]
            Spans::Tracing => Arc::new(Self::Tracing),
        }
    }

    /// The context that a client calls from, where it is another than the current one.
    pub(super) fn ambient(&self) -> Option<Context> {
        match self {
            Self::OpenTelemetry(_) => None,
            #[cfg(feature = "tracing")]
            Self::Tracing => tracing_span::ambient(),
        }
    }

    /// Opens a span below `parent`, described if it is recorded or seen.
    pub(super) fn open(
        &self,
        parent: &Context,
        opening: Opening,
        describe: impl FnOnce() -> Description,
    ) -> Active {
        match self {
            Self::OpenTelemetry(opener) => {
                Active::with_span(opener.open(parent, opening, describe), None)
            }
            #[cfg(feature = "tracing")]
            Self::Tracing => tracing_span::open(parent, opening, describe),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use opentelemetry::KeyValue;
    use opentelemetry::trace::noop::NoopTracerProvider;
    use opentelemetry::trace::{SpanKind, TraceContextExt};
    use opentelemetry_sdk::trace::Sampler;

    use super::*;
    use crate::context::{TraceContext, TraceParent};
    use crate::http::recorded::Recorded;
    use crate::otel::ContextExt;

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
