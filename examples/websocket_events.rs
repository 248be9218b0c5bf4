//! Events over a WebSocket: each is sent in a span, and worked on in one below it. The two ends of the
//! connection have a span each, which those of the events link to.

use futures_util::{SinkExt, StreamExt};
use opentelemetry::trace::{Tracer, TracerProvider};
use serde::{Deserialize, Serialize};
use throughline::messaging::Messaging;
use throughline::websocket::{Envelope, SocketTracing, TracedWebSocket};
use throughline_testkit::InMemorySpans;
use tokio::net::TcpListener;
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
    let mut socket = TracedWebSocket::new(socket, tracing(&spans));
    for kind in ["started", "finished"] {
        socket.send_traced(&Event { kind: kind.to_owned() }).await?;
    }
    socket.close().await?;
    drop(socket);
    broker.await??;
    println!("{}", spans.tree());
    Ok(())
}

/// A connection carries many traces.
async fn broker(
    listener: TcpListener,
    spans: InMemorySpans,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (stream, _) = listener.accept().await?;
    let mut socket = TracedWebSocket::new(accept_async(stream).await?, tracing(&spans));
    let tracer = spans.provider().tracer("example");
    while let Some(incoming) = socket.next().await {
        let work = async |event: Event| tracer.in_span(format!("store {}", event.kind), |_| ());
        incoming?.in_span(work).await?;
    }
    Ok(())
}

fn tracing(spans: &InMemorySpans) -> SocketTracing {
    let events = Messaging::new("websocket").destination("events");
    SocketTracing::new(Envelope::json()).messaging(events.tracer_provider(spans.provider()))
}
