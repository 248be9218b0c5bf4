//! What people who come from Sentry's SDKs look for.

use std::sync::{Arc, Mutex};

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use throughline::context::TraceContext;
use throughline::otel::verbs::{continue_trace, new_trace, start_span, suppress, trace_data};
use throughline::otel::{ContextExt, ContextFuture};
use throughline::propagation::Propagator;
use throughline_testkit::InMemorySpans;

use super::checked_spans::CheckedSpans;

const TRACE: &str = "5e47e5e47e5e47e5e47e5e47e5e47e5e";

fn caller() -> Context {
    let sent = [
        ("sentry-trace", format!("{TRACE}-b7ad6b7169203331-1")),
        ("baggage", "tenant=7,sentry-release=shop%401".to_owned()),
    ];
    continue_trace(&Propagator::default(), &sent)
}

#[tokio::test]
async fn verbs_of_sentry_make_spans_of_opentelemetry() {
    // Other tests of this binary use the global provider too: only this trace counts.
    let (spans, versions) = (CheckedSpans::new(), Versions::default());
    let provider = spans.provider_builder().with_simple_exporter(versions.clone());
    global::set_tracer_provider(provider.build());
    let work = async {
        let outer = start_span("resize", "image.resize");
        outer
            .run(async {
                tokio::task::yield_now().await;
                start_span("decode", "image.decode").in_scope(|| ());
                trace_data(&Propagator::default())
            })
            .await
    };
    let told = work.in_context(caller()).await;
    let mut ours = spans.finished();
    ours.retain(|span| span.trace_id == TRACE);
    let [decode, resize] = &ours[..] else { panic!("{ours:?}") };
    assert_eq!(resize.attribute("sentry.op"), Some("image.resize"));
    assert_eq!(resize.parent_span_id.as_deref(), Some("b7ad6b7169203331"));
    assert_eq!(decode.parent_span_id.as_ref(), Some(&resize.span_id));
    let value = |name| told.iter().find(|(known, _)| *known == name).unwrap().1.as_str();
    assert_eq!(value("sentry-trace"), format!("{TRACE}-{}-1", resize.span_id));
    assert!(value("baggage").starts_with("sentry-release=shop%401"));
    // The lock is free again before the test can fail: the provider stays for the others.
    let versions = versions.0.lock().unwrap().clone();
    assert_eq!(versions, [env!("CARGO_PKG_VERSION"); 2]);
}

/// The versions of what has recorded spans of the trace.
#[derive(Clone, Debug, Default)]
struct Versions(Arc<Mutex<Vec<String>>>);

impl SpanExporter for Versions {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.retain(|span| span.span_context.trace_id().to_string() == TRACE);
        let versions = batch.iter().map(|span| span.instrumentation_scope.version());
        let versions = versions.map(|version| version.unwrap_or_default().to_owned());
        self.0.lock().unwrap().extend(versions);
        Ok(())
    }
}

#[test]
fn bo_4_a_carrier_with_nothing_is_no_trace_and_never_the_current_one() {
    let ambient = caller().with_baggage([KeyValue::new("cart", "3")]);
    let _current = ambient.with_telemetry_suppressed().attach();
    for carrier in [vec![], vec![("sentry-trace", "not-a-trace")]] {
        let empty = continue_trace(&Propagator::default(), &carrier);
        assert!(empty.trace_context().is_empty());
        assert!(empty.baggage().is_empty() && !empty.is_telemetry_suppressed());
    }
}

#[test]
fn ts_12_a_new_trace_has_new_ids_and_the_old_baggage() {
    let spans = CheckedSpans::new();
    let _current = caller().attach();
    let tracer = spans.provider().tracer("test");
    let told = {
        let _new = new_trace().attach();
        assert_eq!(TraceContext::current().baggage().as_str(), "tenant=7");
        tracer.in_span("new", |_| TraceContext::current())
    };
    assert_eq!(told.baggage().as_str(), "tenant=7");
    let new = spans.only();
    assert_ne!(new.trace_id, TRACE);
    assert_eq!(new.parent_span_id, None);
}

#[test]
fn suppressed_work_makes_no_span_and_passes_the_trace_on() {
    let spans = InMemorySpans::new();
    let tracer = spans.provider().tracer("test");
    let _current = caller().attach();
    let before = trace_data(&Propagator::default());
    let _quiet = suppress().attach();
    assert_eq!(trace_data(&Propagator::default()), before);
    let inside = tracer.in_span("export", |_| trace_data(&Propagator::default()));
    assert_eq!(inside, before);
    assert!(spans.finished().is_empty());
}
