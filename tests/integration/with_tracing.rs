//! The HTTP layers and `tracing`: in either kind of span, under every kind of subscriber.

use std::io;
use std::sync::{Arc, Mutex};

use ::http::HeaderMap;
use opentelemetry::trace::TracerProvider;
use throughline_testkit::{InMemorySpans, SpanRecord};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt, registry};

#[cfg(feature = "axum")]
mod late_names;
mod matrix;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Who listens to `tracing`.
#[derive(Clone, Copy, Debug)]
enum Subscriber {
    Nobody,
    LogLines,
    Exporter,
    /// `with_context_activation(false)`
    ExporterWithoutActivation,
    /// One level for all layers, by which no span is made.
    AllSpansFiltered,
    /// A filter for all layers that leaves out our spans and no others.
    OurSpansFiltered,
    /// Our spans are in log lines, and not exported.
    OurSpansNotExported,
}

impl Subscriber {
    /// Subscribes this thread.
    fn listen(self, spans: &InMemorySpans, lines: &Lines) -> DefaultGuard {
        let writer = lines.clone();
        let lines = fmt::layer().with_ansi(false).without_time();
        let lines = lines.with_writer(move || writer.clone()).boxed();
        let exporter = tracing_opentelemetry::layer()
            .with_tracer(spans.provider().tracer("test"))
            .with_context_activation(!matches!(self, Self::ExporterWithoutActivation));
        let all = Targets::new().with_default(LevelFilter::INFO);
        let not_ours = all.clone().with_target("throughline", LevelFilter::OFF);
        let layers = match self {
            Self::Nobody => return set_default(NoSubscriber::default()),
            Self::LogLines => vec![lines],
            Self::OurSpansNotExported => {
                vec![exporter.with_filter(not_ours.clone()).boxed(), lines]
            }
            _ => vec![exporter.boxed(), lines],
        };
        // A filter among the layers of a list filters nothing out: it stands above them.
        set_default(registry().with(layers).with(match self {
            Self::AllSpansFiltered => all.with_default(LevelFilter::WARN),
            Self::OurSpansFiltered => not_ours,
            _ => all,
        }))
    }
}

/// What was logged.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn all(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A caller with all that it can send.
fn received() -> HeaderMap {
    HeaderMap::from_iter(
        [
            ("traceparent", format!("00-{TRACE_ID}-{CALLER}-01")),
            ("tracestate", "v=1".to_owned()),
            ("baggage", "tenant=7".to_owned()),
        ]
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())),
    )
}

/// The way from the caller to the span that the next hop is told of. Whatever else came in has to be
/// told it too.
fn way(spans: &[SpanRecord], sent: &HeaderMap) -> String {
    let text = |name| sent.get(name).map(|value| value.to_str().unwrap());
    let Some(parent) = text("traceparent") else {
        assert!(sent.is_empty(), "{sent:?}");
        return "nothing".to_owned();
    };
    if &parent[3..35] == TRACE_ID {
        assert_eq!((text("tracestate"), text("baggage")), (Some("v=1"), Some("tenant=7")));
    }
    let mut hops = Vec::new();
    let mut next = Some(parent[36..52].to_owned());
    while let Some(id) = next {
        let span = spans.iter().find(|span| span.span_id == id);
        hops.push(match span {
            Some(span) => span.name.as_str(),
            None if id == CALLER => "caller",
            None => "unknown",
        });
        next = span.and_then(|span| span.parent_span_id.clone());
    }
    hops.reverse();
    hops.join(" > ")
}
