//! Streams and sinks in a context.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use futures_util::sink::{self, Sink, SinkExt};
use futures_util::stream::{self, FusedStream, Stream, StreamExt};
use opentelemetry::Context;
use throughline::context::TraceContext;
use throughline::otel::ContextFuture;
use throughline_testkit::LeakCheck;

use super::{caller, is_callers};

/// Both ends at once, as a socket is: gives and counts whether the caller's context is current.
#[derive(Debug, Default)]
struct Probe {
    given: usize,
    seen: Vec<bool>,
}

impl Probe {
    fn look(&mut self) -> Poll<Result<(), ()>> {
        self.seen.push(is_callers());
        Poll::Ready(Ok(()))
    }
}

impl Stream for Probe {
    type Item = bool;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<bool>> {
        self.given += 1;
        Poll::Ready((self.given <= 3).then(is_callers))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (3 - self.given, Some(3))
    }
}

impl FusedStream for Probe {
    fn is_terminated(&self) -> bool {
        self.given > 3
    }
}

impl Sink<u8> for Probe {
    type Error = ();

    fn poll_ready(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), ()>> {
        self.look()
    }

    fn start_send(mut self: Pin<&mut Self>, _: u8) -> Result<(), ()> {
        let _ = self.look();
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), ()>> {
        self.look()
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Result<(), ()>> {
        self.look()
    }
}

#[tokio::test]
async fn what_is_stream_and_sink_is_both_in_its_context_and_can_be_split() {
    let _check = LeakCheck::new();
    let both = Probe::default().in_context(caller());
    let (mut sends, receives) = both.split::<u8>();
    let sent = tokio::spawn(async move {
        sends.send(1).await.unwrap();
        sends.close().await.unwrap();
        sends
    });
    let received = tokio::spawn(async move {
        let mut receives = receives;
        let items: Vec<_> = receives.by_ref().collect().await;
        (items, receives)
    });
    let (sends, (items, receives)) = (sent.await.unwrap(), received.await.unwrap());
    assert_eq!(items, [true; 3]);
    let probe = sends.reunite(receives).unwrap().into_inner();
    // Ready, send, flush, close.
    assert_eq!(probe.seen, [true; 4]);
}

#[tokio::test]
async fn length_and_end_of_a_stream_stay_what_they_are() {
    let mut stream = Probe::default().in_context(Context::new());
    assert_eq!((stream.size_hint(), stream.is_terminated()), ((3, Some(3)), false));
    assert_eq!(stream.next().await, Some(false), "an empty context has nothing of anybody's");
    assert_eq!(stream.size_hint(), (2, Some(3)));
    while stream.next().await.is_some() {}
    assert!(stream.is_terminated());
}

#[tokio::test]
async fn streams_alone_and_sinks_alone_have_the_same_in_context() {
    let numbers = stream::iter(0..3).map(|_| is_callers()).in_context(caller());
    assert_eq!(numbers.collect::<Vec<_>>().await, [true; 3]);

    let mut seen = Vec::new();
    let sink = sink::unfold(&mut seen, async |seen, ()| {
        seen.push(is_callers());
        Ok::<_, ()>(seen)
    });
    let mut sink = Box::pin(sink.in_context(caller()));
    sink.send(()).await.unwrap();
    drop(sink);
    assert_eq!(seen, [true]);
    assert!(TraceContext::current().is_empty());
}

#[tokio::test]
async fn an_error_of_a_sink_stays_what_it_is() {
    let full = sink::unfold((), async |(), _: u8| Err::<(), _>("full"));
    let mut full = Box::pin(full.in_context(caller()));
    assert_eq!(full.send(1).await, Err("full"));
}
