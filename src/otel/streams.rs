//! Streams and sinks in a context.

use std::pin::Pin;
use std::task::{self, Poll};

use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;

use super::InContext;

impl<S: Stream> Stream for InContext<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        self.run(|inner| inner.poll_next(task))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner().map_or((0, None), Stream::size_hint)
    }
}

impl<S: FusedStream> FusedStream for InContext<S> {
    fn is_terminated(&self) -> bool {
        self.inner().is_none_or(FusedStream::is_terminated)
    }
}

impl<Item, S: Sink<Item>> Sink<Item> for InContext<S> {
    type Error = S::Error;

    fn poll_ready(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), S::Error>> {
        self.run(|inner| inner.poll_ready(task))
    }

    fn start_send(self: Pin<&mut Self>, item: Item) -> Result<(), S::Error> {
        self.run(|inner| inner.start_send(item))
    }

    fn poll_flush(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), S::Error>> {
        self.run(|inner| inner.poll_flush(task))
    }

    fn poll_close(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), S::Error>> {
        self.run(|inner| inner.poll_close(task))
    }
}
