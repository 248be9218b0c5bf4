use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::noop::NoopTracerProvider;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracer};
use throughline::context::TraceContext;
use throughline::messaging::{MessageView, Messaging, ParentMode};
use throughline::propagation::{Extraction, Propagator, SentryConfig};
use throughline_testkit::InMemorySpans;

use super::{PARENT, UNSAMPLED, headers, links, orders};
use crate::checked_spans::CheckedSpans;

/// A message that a span of that service has sent.
fn sent_by(spans: &InMemorySpans) -> Extraction {
    let sending = orders(&spans.service("shop")).send(MessageView::new());
    let mut sent = Vec::<(String, String)>::new();
    Propagator::default().inject(&sending.context(), &mut sent);
    sending.succeeded();
    Propagator::default().extract(&sent)
}

async fn processed(spans: &InMemorySpans, mode: ParentMode) -> (TraceContext, TraceContext) {
    let found = sent_by(spans);
    let orders = orders(spans).parent(mode);
    let seen = orders.process(MessageView::new(), &found).run(async { TraceContext::current() });
    (found.context.clone(), seen.await)
}

#[tokio::test]
async fn ms_2_a_message_is_processed_in_a_child_of_the_span_that_sent_it() {
    let spans = CheckedSpans::for_service("stock");
    let (sent, seen) = processed(&spans, ParentMode::Parent).await;
    assert_eq!(sent.parent().unwrap().trace_id(), seen.parent().unwrap().trace_id());
    insta::assert_snapshot!(spans.tree(), @r"
    shop   send orders  PRODUCER
    stock    process orders  CONSUMER
    ");
    assert_eq!(links(&spans), [""; 0]);
    let span = spans.finished().pop().unwrap();
    insta::assert_debug_snapshot!(span.attributes, @r#"
    {
        "messaging.destination.name": "orders",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.system": "kafka",
    }
    "#);
}

#[tokio::test]
async fn ms_2_or_in_a_trace_of_its_own_with_a_link() {
    let spans = CheckedSpans::for_service("stock");
    let (sent, seen) = processed(&spans, ParentMode::Link).await;
    assert_ne!(sent.parent().unwrap().trace_id(), seen.parent().unwrap().trace_id());
    insta::assert_snapshot!(spans.tree(), @r"
    shop   send orders  PRODUCER

    stock  process orders  CONSUMER
    ");
    assert_eq!(links(&spans), ["process orders -> send orders"]);
}

#[tokio::test]
async fn ms_2_or_as_both() {
    let spans = CheckedSpans::for_service("stock");
    processed(&spans, ParentMode::ParentAndLink).await;
    insta::assert_snapshot!(spans.tree(), @r"
    shop   send orders  PRODUCER
    stock    process orders  CONSUMER
    ");
    assert_eq!(links(&spans), ["process orders -> send orders"]);
}

#[tokio::test]
async fn work_that_is_dropped_rolls_back_in_its_trace() {
    let spans = CheckedSpans::for_service("stock");
    let rolls_back = RollsBack(spans.provider().tracer("test"));
    let work = async move {
        let _guard = rolls_back;
        std::future::pending::<()>().await;
    };
    let mut processing =
        Box::pin(orders(&spans).process(MessageView::new(), &headers(&[])).run(work));
    assert!(futures_util::poll!(&mut processing).is_pending());
    drop(processing);
    assert!(TraceContext::current().is_empty());
    insta::assert_snapshot!(spans.tree(), @r"
    stock  process orders  CONSUMER  ERROR
    stock    roll back  INTERNAL
    ");
}

/// Opens a span where it is dropped.
struct RollsBack(SdkTracer);

impl Drop for RollsBack {
    fn drop(&mut self) {
        Context::map_current(|cx| drop(self.0.start_with_context("roll back", cx)));
    }
}

#[test]
fn a_linked_trace_keeps_the_applications_baggage_and_nothing_of_the_other_trace() {
    let spans = CheckedSpans::new();
    let baggage = "tenant=7,sentry-release=shop,sentry-sample_rand=0.5";
    let sentry = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
    let found = headers(&[("sentry-trace", sentry), ("baggage", baggage), ("tracestate", "a=1")]);
    let without_sdk = orders(&spans).tracer_provider(NoopTracerProvider::new());
    for messaging in [orders(&spans), without_sdk] {
        let processing = messaging.parent(ParentMode::Link).process(MessageView::new(), &found);
        let next = processing.context();
        processing.succeeded();
        assert_eq!(next.baggage().as_str(), "tenant=7");
        assert!(next.trace_state().is_empty());
        assert!(!next.sampling_frozen());
    }
}

#[test]
fn what_is_current_is_never_the_parent_of_a_message() {
    let spans = CheckedSpans::new();
    let tracer = spans.provider().tracer("test");
    let cx = Context::new().with_baggage([opentelemetry::KeyValue::new("ambient", "1")]);
    let cx = cx.with_span(tracer.start_with_context("connection", &cx));
    let current = cx.clone().attach();
    for message in [headers(&[]), headers(&[("traceparent", "nonsense")])] {
        let processing = orders(&spans).process(MessageView::new(), &message);
        assert!(processing.cx().baggage().is_empty());
        processing.succeeded();
    }
    orders(&spans).process_batch(MessageView::new(), []).succeeded();
    let none = orders(&spans).propagate_only().process(MessageView::new(), &headers(&[]));
    assert!(none.context().is_empty());
    none.succeeded();
    drop(current);
    cx.span().end();
    insta::assert_snapshot!(spans.tree(), @r"
    app  connection  INTERNAL

    app  process orders  CONSUMER

    app  process orders  CONSUMER

    app  process orders  CONSUMER
    ");
}

#[test]
fn bo_2_the_other_of_two_traces_becomes_a_link() {
    let spans = CheckedSpans::new();
    let other = "1af7651916cd43dd8448eb211c80319c-17ad6b7169203331-1";
    let found = headers(&[("traceparent", PARENT), ("sentry-trace", other)]);
    orders(&spans).process(MessageView::new(), &found).succeeded();
    let span = spans.only();
    assert_eq!(span.trace_id, &PARENT[3..35]);
    assert_eq!((span.links.len(), &*span.links[0].trace_id), (1, &other[..32]));
}

#[test]
fn without_spans_what_came_in_is_current_and_goes_out_again() {
    let spans = CheckedSpans::new();
    let found = headers(&[("traceparent", PARENT), ("tracestate", "a=1")]);
    for mode in [ParentMode::Parent, ParentMode::Link, ParentMode::ParentAndLink] {
        let orders = orders(&spans).parent(mode).propagate_only();
        let processing = orders.process(MessageView::new(), &found);
        assert_eq!(processing.context(), found.context);
        processing.succeeded();
    }
    assert!(spans.finished().is_empty());
}

#[test]
fn a_decision_against_a_trace_is_kept_and_one_that_the_sampler_overrules_is_described() {
    let follow = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let dropped = CheckedSpans::of(InMemorySpans::new().sampler(follow));
    let found = headers(&[("traceparent", UNSAMPLED)]);
    let processing = orders(&dropped).process(MessageView::new(), &found);
    assert!(!processing.is_recording());
    assert_eq!(processing.context().sampled(), Some(false));
    processing.failed("nobody sees it");
    assert!(dropped.finished().is_empty());

    let kept = CheckedSpans::of(InMemorySpans::new().sampler(Sampler::AlwaysOn));
    orders(&kept).process(MessageView::new(), &found).succeeded();
    let span = kept.only();
    assert_eq!((&*span.name, span.attributes.len()), ("process orders", 4));
}

#[test]
fn se_6_a_trace_that_begins_with_a_message_is_named_after_its_processing() {
    let spans = CheckedSpans::new();
    let sentry = SentryConfig::new().dsn("https://abc@o1.ingest.sentry.io/1").unwrap();
    let propagator = Propagator::default().sentry(sentry);
    let sent = |messaging: Messaging| {
        let message = MessageView::new().destination("orders.42");
        let processing = messaging.process(message, &headers(&[]));
        let mut sent = Vec::<(String, String)>::new();
        propagator.inject(&processing.context(), &mut sent);
        processing.succeeded();
        sent.into_iter().find(|(name, _)| name == "baggage").unwrap().1
    };
    assert!(sent(orders(&spans)).contains("sentry-transaction=process%20orders"));
    let any = Messaging::new("nats").tracer_provider(spans.provider()).metrics(false);
    assert!(!sent(any).contains("sentry-transaction"), "a name of a single message is none");
}
