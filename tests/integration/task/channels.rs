//! Messages that carry the context that they were sent in.

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer};
use throughline::context::TraceContext;
use throughline::otel::{ContextExt, ContextFuture};
use throughline::task::{Carried, channel};
use throughline_testkit::WatchedRuntime;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::error::TrySendError;

use super::{CALLER, caller, is_callers, is_of_caller, later, stranger, tracer};
use crate::checked_spans::CheckedSpans;

#[test]
fn a_message_is_worked_on_in_its_senders_context_and_in_no_other() {
    let runtime = WatchedRuntime::multi_thread(2);
    let seen = runtime.block_on(async {
        let (sender, mut receiver) = channel::mpsc(4);
        let sent = async {
            sender.send("send").await.unwrap();
            sender.try_send("try").unwrap();
            sender.reserve().await.unwrap().send("permit");
            let sender = sender.clone();
            let cx = Context::current();
            let blocking = tokio::task::spawn_blocking(move || {
                let _current = cx.attach();
                sender.blocking_send("block").unwrap();
            });
            blocking.await.unwrap();
        };
        sent.in_context(caller()).await;
        drop(sender);
        let mut seen = Vec::new();
        // The receiver is somebody else's.
        let receives = async {
            while let Some(message) = receiver.recv().await {
                let worked = message.in_context(|name| {
                    let called = is_callers();
                    async move { (name, called && later(is_callers).await) }
                });
                seen.push(worked.await);
                assert!(!is_callers());
            }
        };
        receives.in_context(stranger()).await;
        seen
    });
    runtime.finish();
    assert_eq!(seen, ["send", "try", "permit", "block"].map(|name| (name, true)));
}

#[tokio::test]
async fn a_message_without_a_trace_runs_in_nobodys() {
    let (sender, mut receiver) = channel::mpsc(1);
    sender.send(7).await.unwrap();
    let message = receiver.recv().await.unwrap();
    assert!(message.link().is_none());
    let seen = async { message.in_context(async |_| TraceContext::current()).await };
    assert!(seen.in_context(caller()).await.is_empty());
}

#[tokio::test]
async fn a_message_in_a_queue_holds_no_span_open() {
    let spans = CheckedSpans::new();
    let (sender, mut receiver) = channel::mpsc(1);
    tracer(&spans).in_span("send", |_| sender.try_send(7).unwrap());
    let sent = spans.only();
    let message = receiver.recv().await.unwrap();
    let link = message.link().unwrap();
    assert_eq!(link.span_context.span_id().to_string(), sent.span_id);

    let cx = Context::current_with_span(tracer(&spans).start("given"));
    let given = Carried::with_context(7, &cx);
    drop(cx);
    assert_eq!(spans.finished().len(), 2);
    drop(given);
}

#[tokio::test]
async fn messages_of_many_senders_keep_order_and_are_told_apart() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let (sender, mut receiver) = channel::mpsc(64);
    let mut expected = Vec::new();
    for number in 0..32 {
        let sender = sender.clone();
        expected.push(tracer.in_span("send", |cx| {
            sender.try_send(number).unwrap();
            (number, cx.span().span_context().span_id())
        }));
    }
    let mut batch = Vec::new();
    assert_eq!(receiver.recv_many(&mut batch, 64).await, 32);
    let found: Vec<_> = batch
        .into_iter()
        .map(|message| {
            let (number, cx) = message.into_parts();
            (number, cx.span().span_context().span_id())
        })
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_cannot_be_sent_comes_back_with_its_context_and_can_be_sent_on() {
    let (sender, receiver) = channel::mpsc(1);
    let (other, mut received) = channel::mpsc(1);
    drop(receiver);
    let back = sender.send("tea").in_context(caller()).await.unwrap_err().0;
    assert_eq!(back.value(), &"tea");
    assert!(is_of_caller(&back.context().trace_context()));
    // Sent on by somebody else, it stays what it was (rule MS-1).
    other.forward(back).in_context(stranger()).await.unwrap();
    let message = received.recv().await.unwrap();
    assert!(is_of_caller(&message.context().trace_context()));

    let current = caller().attach();
    other.try_send("first").unwrap();
    let full = other.try_send("second");
    drop(current);
    let Err(TrySendError::Full(back)) = full else { panic!("{full:?}") };
    assert_eq!(back.into_inner(), "second");
    drop(received);
    let Err(TrySendError::Closed(back)) = other.try_send("third") else { panic!("it is closed") };
    assert_eq!(back.into_inner(), "third");
    assert!(other.reserve().await.is_err());
}

#[tokio::test]
async fn an_answer_carries_the_context_of_who_gave_it() {
    let (sender, receiver) = channel::oneshot();
    async { sender.send(7).unwrap() }.in_context(caller()).await;
    let answer = receiver.await.unwrap();
    assert!(is_of_caller(&answer.context().trace_context()));

    let (mut sender, receiver) = channel::oneshot();
    assert!(!sender.is_closed());
    drop(receiver);
    sender.closed().await;
    let back = async { sender.send(8).unwrap_err() }.in_context(caller()).await;
    assert!(is_of_caller(&back.context().trace_context()));
    assert_eq!(back.into_inner(), 8);
    let (sender, receiver) = channel::oneshot::<u8>();
    drop(sender);
    assert!(receiver.await.is_err());
}

#[tokio::test]
async fn a_receiver_that_lags_is_told_so_and_goes_on_with_the_right_contexts() {
    let spans = CheckedSpans::new();
    let tracer = tracer(&spans);
    let (sender, mut receiver) = channel::broadcast(2);
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(tracer.in_span("send", |cx| {
            assert_eq!(sender.send(number).unwrap(), 1);
            cx.span().span_context().span_id()
        }));
    }
    assert_eq!(receiver.recv().await.unwrap_err(), RecvError::Lagged(3));
    for (number, id) in ids.into_iter().enumerate().skip(3) {
        let message = receiver.recv().await.unwrap();
        assert_eq!(message.context().span().span_context().span_id(), id);
        assert_eq!(message.into_inner(), number);
    }
    let mut late = sender.subscribe();
    let back = {
        let _current = caller().attach();
        assert_eq!(sender.send(5).unwrap(), 2);
        drop(receiver);
        assert!(is_of_caller(&late.recv().await.unwrap().context().trace_context()));
        drop(late);
        sender.clone().send(6).unwrap_err().0
    };
    assert!(is_of_caller(&back.context().trace_context()));
}

#[test]
fn a_message_of_another_type_keeps_its_context_and_shows_neither() {
    let _current = caller().attach();
    let carried = Carried::new("secret").map(str::len);
    assert_eq!(carried.value(), &6);
    assert!(is_of_caller(&carried.context().trace_context()));
    let shown = format!("{:?} {:?}", Carried::new("secret"), carried);
    assert!(shown.contains(CALLER), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("tenant"), "{shown}");
}
