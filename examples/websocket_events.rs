//! Events over a WebSocket, each with the context of the span that sent it.

use futures_util::StreamExt;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use serde::{Deserialize, Serialize};
use throughline::otel::{ContextExt, ContextFuture};
use throughline::websocket::{Envelope, TracedWebSocket};
use throughline_testkit::InMemorySpans;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

#[derive(Serialize, Deserialize)]
struct Event {
    kind: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let spans = InMemorySpans::for_service("runner");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let broker = tokio::spawn(broker(listener, spans.service("broker")));

    let (socket, _) = connect_async(format!("ws://{address}")).await?;
    let mut socket = TracedWebSocket::new(socket, Envelope::json());
    let tracer = spans.provider().tracer("example");
    for kind in ["started", "finished"] {
        let cx = Context::new();
        let cx = cx.with_span(tracer.start_with_context(format!("send {kind}"), &cx));
        let event = Event { kind: kind.to_owned() };
        socket.send_event::<_, Message>(&event).in_context(cx).await?;
    }
    drop(socket);
    broker.await??;
    println!("{}", spans.tree());
    Ok(())
}

/// Each event is processed in a span below the one that sent it: a connection has many traces.
async fn broker(
    listener: TcpListener,
    spans: InMemorySpans,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (stream, _) = listener.accept().await?;
    let mut socket = TracedWebSocket::new(accept_async(stream).await?, Envelope::json());
    let tracer = spans.provider().tracer("example");
    while let Some(Ok(incoming)) = socket.next().await {
        let Some(event) = incoming.decode::<Event>() else { continue };
        let parent = Context::new().with_trace_context(incoming.context().clone());
        let _span = tracer.start_with_context(format!("process {}", event?.kind), &parent);
    }
    Ok(())
}
