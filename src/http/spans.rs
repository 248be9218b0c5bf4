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
