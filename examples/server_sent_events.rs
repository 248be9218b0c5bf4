//! Server-sent events, each with the context of the span that sent it. A browser's `EventSource` shows
//! no headers of an event, so the context stands inside its `data`.

use std::convert::Infallible;
use std::error::Error;

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry::Context;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracer;
use serde::{Deserialize, Serialize};
use throughline::http::ServerLayer;
use throughline::otel::{ActiveSpan, ContextExt};
use throughline::websocket::Envelope;
use throughline_testkit::InMemorySpans;
use tokio::net::TcpListener;

#[derive(Deserialize, Serialize)]
struct Line {
    text: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let spans = InMemorySpans::for_service("build");
    let tracer = spans.provider().tracer("example");
    let app = Router::new()
        .route("/lines", get(async || Sse::new(lines(tracer))))
        .layer(ServerLayer::new().tracer_provider(spans.provider()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/lines", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = client.get(url.parse()?).await?;
    show(answer.into_body(), &spans.service("page").provider().tracer("example")).await?;
    println!("{}", spans.tree());
    Ok(())
}

/// The layer makes the request's span current where the stream is polled.
fn lines(tracer: SdkTracer) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::iter(["compiling", "finished"]).map(move |text| {
        let span = ActiveSpan::start(&tracer, tracer.span_builder(format!("send {text}")));
        let line = Line { text: text.to_owned() };
        let data = span.in_scope(|| Envelope::json().encode(&line));
        Ok(data
            .map_or_else(|_| Event::default().event("broken"), |text| Event::default().data(text)))
    })
}

/// What a browser does, in few words: events end with an empty line.
async fn show(body: Incoming, tracer: &SdkTracer) -> Result<(), Box<dyn Error + Send + Sync>> {
    let text = String::from_utf8(body.collect().await?.to_bytes().into())?;
    for data in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let (line, found) = Envelope::json().decode::<Line>(data)?;
        let parent = Context::new().with_trace_context(found.context);
        let shown = tracer.span_builder(format!("show {}", line.text));
        ActiveSpan::start_in(&parent, tracer, shown).in_scope(|| ());
    }
    Ok(())
}
