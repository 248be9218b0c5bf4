use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::Context;
use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use throughline::context::TraceContext;
use throughline::messaging::{MessageView, Messaging};
use throughline::otel::{ContextExt, ContextFuture};
use throughline_testkit::{Kind, Status};

use super::{headers, links, orders};
use crate::checked_spans::CheckedSpans;

#[tokio::test]
async fn a_message_carries_the_span_that_sends_it_and_that_is_a_child_of_the_current_one() {
    let spans = CheckedSpans::for_service("shop");
    let tracer = spans.provider().tracer("test");
    let cx = Context::new();
    let cx = cx.with_span(tracer.start_with_context("checkout", &cx));
    let carried = async {
        let message = MessageView::new().destination("orders").body_bytes(12).id("7");
        let sending = orders(&spans).send(message);
        let carried = sending.context();
        let seen = sending.run(async { TraceContext::current() }).await;
        assert_eq!(seen, carried, "the span is current while it sends");
        assert!(TraceContext::current().parent() != carried.parent(), "and not after");
        carried
    };
    let carried = carried.in_context(cx.clone()).await;
    cx.span().end();
    insta::assert_snapshot!(spans.tree(), @r"
    shop  checkout  INTERNAL
    shop    send orders  PRODUCER
    ");
    let spans = spans.finished();
    let span = spans.iter().find(|span| span.kind == Kind::Producer).unwrap();
    let parent = carried.parent().unwrap();
    assert_eq!(parent.parent_id().to_string(), span.span_id);
    assert_eq!(span.status, Status::Unset);
    insta::assert_debug_snapshot!(span.attributes, @r#"
    {
        "messaging.destination.name": "orders",
        "messaging.message.body.size": "12",
        "messaging.message.id": "7",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.system": "kafka",
    }
    "#);
}

#[test]
fn a_span_is_named_after_what_is_one_of_few() {
    let spans = CheckedSpans::new();
    let nats = Messaging::new("nats")
        .operation_names("publish", "process")
        .tracer_provider(spans.provider())
        .metrics(false);
    let subject = MessageView::new().destination("orders.42");
    nats.clone().destination_template("orders.{id}").send(subject).succeeded();
    nats.send(subject).succeeded();
    nats.send(subject.temporary(true)).succeeded();
    nats.send(MessageView::new()).succeeded();
    let of = |key| {
        let spans = spans.finished();
        spans.into_iter().map(|span| span.attribute(key).map(str::to_owned)).collect::<Vec<_>>()
    };
    let names: Vec<_> = spans.finished().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["publish orders.{id}", "publish orders.42", "publish", "publish"]);
    let subject = Some("orders.42".to_owned());
    let name = of("messaging.destination.name");
    assert_eq!(name, [subject.clone(), subject.clone(), subject, None]);
    let template = of("messaging.destination.template");
    assert_eq!(template, [Some("orders.{id}".to_owned()), None, None, None]);
    assert_eq!(of("messaging.destination.temporary")[2].as_deref(), Some("true"));
}

#[test]
fn tr_4_what_a_peer_may_choose_is_cut() {
    let spans = CheckedSpans::new();
    let long = "\u{e4}".repeat(5000);
    let message = MessageView::new().destination(&long).id(&long);
    Messaging::new("nats").tracer_provider(spans.provider()).send(message).succeeded();
    let span = spans.only();
    assert_eq!(span.attribute("messaging.destination.name").unwrap().len(), 256);
    assert_eq!(span.attribute("messaging.message.id").unwrap().len(), 256);
    assert_eq!(span.name.len(), "send ".len() + 256);
    assert!(!format!("{message:?}").contains('\u{e4}'));
}

#[tokio::test]
async fn what_could_not_be_sent_is_an_error_of_its_type() {
    let spans = CheckedSpans::new();
    let orders = orders(&spans);
    orders.send(MessageView::new()).failed("queue_full");
    let refused = async { "x".parse::<u8>() };
    orders.send(MessageView::new()).try_run(refused).await.unwrap_err();
    orders.send(MessageView::new()).end_with::<(), Box<dyn std::error::Error>>(&Err("x".into()));
    orders.send(MessageView::new()).try_run(async { Ok::<_, ()>(7) }).await.unwrap();
    let ends: Vec<_> = spans
        .finished()
        .into_iter()
        .map(|span| (span.is_error(), span.attribute("error.type").map(str::to_owned)))
        .collect();
    let error = |name: &str| (true, Some(name.to_owned()));
    let parse = "core::num::error::ParseIntError";
    assert_eq!(ends, [error("queue_full"), error(parse), error("_OTHER"), (false, None)]);
}

#[tokio::test]
async fn what_is_dropped_ends_once_as_cancelled_or_panicked() {
    let spans = CheckedSpans::new();
    let orders = orders(&spans);
    drop(orders.send(MessageView::new()));
    drop(orders.send(MessageView::new()).run(std::future::pending::<()>()));
    let mut begun = Box::pin(orders.send(MessageView::new()).run(std::future::pending::<()>()));
    assert!(futures_util::poll!(&mut begun).is_pending());
    drop(begun);
    let panicking = AssertUnwindSafe(|| {
        let _sending = orders.send(MessageView::new());
        panic!("as planned");
    });
    catch_unwind(panicking).unwrap_err();
    // Caught inside, dropped when no panic is under way any more.
    let mut run = Box::pin(orders.send(MessageView::new()).run(async { panic!("as planned") }));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(&mut task).is_ready())).unwrap_err();
    drop(run);
    let ends: Vec<_> = spans
        .finished()
        .into_iter()
        .map(|span| span.attribute("error.type").unwrap().to_owned())
        .collect();
    assert_eq!(ends, ["cancelled", "cancelled", "cancelled", "panic", "panic"]);
}

#[test]
fn ms_6_the_span_of_a_connection_is_linked() {
    let spans = CheckedSpans::new();
    let tracer = spans.provider().tracer("test");
    let mut connection = tracer.start_with_context("connection", &Context::new());
    let message = MessageView::new().link(connection.span_context());
    let found = headers(&[]);
    orders(&spans).send(message).succeeded();
    orders(&spans).process(message, &found).succeeded();
    connection.end();
    insta::assert_snapshot!(spans.tree(), @r"
    app  connection  INTERNAL

    app  send orders  PRODUCER

    app  process orders  CONSUMER
    ");
    assert_eq!(links(&spans), ["send orders -> connection", "process orders -> connection"]);
}

#[test]
fn without_spans_the_current_context_is_carried_as_it_is() {
    let spans = CheckedSpans::new();
    let received = headers(&[("traceparent", super::PARENT), ("tracestate", "a=1")]).context;
    let _current = Context::new().with_trace_context(received.clone()).attach();
    let sending = orders(&spans).propagate_only().send(MessageView::new());
    assert_eq!(sending.context(), received);
    assert!(!sending.is_recording());
    sending.succeeded();
    assert!(spans.finished().is_empty());
}

#[test]
fn an_exporters_own_messages_have_no_span_and_no_context() {
    let spans = CheckedSpans::new();
    let received = headers(&[("traceparent", super::PARENT)]);
    let _current = Context::new().with_trace_context(received.context.clone()).attach();
    let _suppressed = Context::enter_telemetry_suppressed_scope();
    let sending = orders(&spans).send(MessageView::new());
    assert!(sending.context().is_empty());
    sending.succeeded();
    let processing = orders(&spans).process(MessageView::new(), &received);
    assert!(processing.cx().is_telemetry_suppressed());
    processing.succeeded();
    assert!(spans.finished().is_empty());
}
