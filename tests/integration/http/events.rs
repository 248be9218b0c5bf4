//! Server-sent events on real hyper: the body is polled in its request's context, each event says whose
//! it is.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use ::axum::Router;
use ::axum::response::sse::{Event, Sse};
use ::axum::routing::get;
use futures_util::stream;
use http_body_util::BodyExt;
use opentelemetry::Context;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracer;
use serde_json::{Value, json};
use throughline::context::TraceContext;
use throughline::otel::{ActiveSpan, ContextExt};
use throughline::websocket::Envelope;
use tokio::sync::mpsc;

use super::super::checked_spans::CheckedSpans;
use super::{finished, plain_client, request, serve, server_layer};

/// An app with one stream to give: of each text it makes an event, in a span of its own. What is no
/// JSON object goes out as it is.
fn app(spans: &CheckedSpans, texts: mpsc::Receiver<&'static str>) -> Router {
    let tracer = spans.provider().tracer("test");
    let texts = Arc::new(Mutex::new(Some(texts)));
    let events = move || {
        let texts = texts.lock().unwrap().take().unwrap();
        let tracer = tracer.clone();
        async move {
            Sse::new(stream::unfold(texts, move |mut texts| {
                let tracer = tracer.clone();
                async move {
                    // The first poll waits here, the one that makes the event is another.
                    let text = texts.recv().await?;
                    Some((Ok::<_, Infallible>(event(&tracer, text)), texts))
                }
            }))
        }
    };
    Router::new().route("/events", get(events)).layer(server_layer(spans))
}

fn event(tracer: &SdkTracer, text: &str) -> Event {
    let span = ActiveSpan::start(tracer, tracer.span_builder("send"));
    let data =
        span.in_scope(|| Envelope::json().inject(text, &TraceContext::current()).into_owned());
    Event::default().data(data)
}

#[tokio::test]
async fn each_server_sent_event_continues_the_request_that_its_stream_belongs_to() {
    let spans = CheckedSpans::new();
    let (texts, received) = mpsc::channel(1);
    let address = serve(app(&spans, received)).await;
    let answer = plain_client().request(request("GET", address, "/events")).await.unwrap();
    let mut body = answer.into_body();
    let page = spans.service("page").provider().tracer("test");
    for (text, number) in [(r#"{"n":1}"#, 1), (r#"{"n":2}"#, 2), (r#"{"_trace":7,"n":3}"#, 3)] {
        texts.send(text).await.unwrap();
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let data = std::str::from_utf8(&frame).unwrap().strip_prefix("data: ").unwrap();
        let (event, found) = Envelope::json().decode::<Value>(data).unwrap();
        // A bad context is dropped, the event never (rule MS-4).
        assert_eq!(event, json!({ "n": number }));
        assert_eq!(found.context.is_empty(), number == 3);
        let cx = Context::new().with_trace_context(found.context);
        ActiveSpan::start_in(&cx, &page, page.span_builder(format!("show {number}")))
            .in_scope(|| ());
    }
    drop(texts);
    assert!(body.frame().await.is_none());
    finished(&spans, 7).await;
    insta::assert_snapshot!(spans.tree(), @r"
    app   GET /events  SERVER
    app     send  INTERNAL
    page      show 1  INTERNAL
    app     send  INTERNAL
    page      show 2  INTERNAL
    app     send  INTERNAL

    page  show 3  INTERNAL
    ");
}
