use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use throughline::http::ServerLayer;
use throughline::websocket::Envelope;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, StatusCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::limits::{MAX_STATE_OUTPUT_CHARS, MAX_STATE_TOOL_CALLS, MAX_SUBSCRIBERS};

type Page = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn serve(bed: &Bed) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
    let address = listener.local_addr().expect("address");
    let router =
        Arc::clone(&bed.persistence).router(Secret::new("s3cret"), ServerLayer::propagate_only());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn page(address: SocketAddr, query: &str) -> Page {
    connect_async(format!("ws://{address}/ws{query}")).await.expect("connected").0
}

async fn next(page: &mut Page) -> Value {
    let message = timeout(Duration::from_secs(10), page.next()).await.expect("in time");
    let text = message.expect("open").expect("message").into_text().expect("text");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn a_page_gets_a_snapshot_and_then_every_change() {
    let bed = Bed::new().await;
    let address = serve(&bed).await;
    let mut page = page(address, "").await;
    let empty = next(&mut page).await;
    assert_eq!(empty["type"], "state");
    assert_eq!(empty["session"], Value::Null);
    assert_eq!(empty["todos"], serde_json::json!([]));

    bed.stream(1, &todos(&[("a", "Build", TodoStatus::InProgress)])).await;
    let state = next(&mut page).await;
    assert_eq!(state["session"]["status"], "running");
    assert_eq!(state["todos"][0]["status"], "in_progress");
    bed.stream(2, &text("t", "line\n")).await;
    assert_eq!(next(&mut page).await["toolCalls"][0]["output"], "line\n");
    bed.persist(&RunnerEvent::build_completed(ids(), 3, 0)).await;
    let state = next(&mut page).await;
    assert_eq!(state["session"]["exitCode"], 0);
    assert!(state["session"]["finishedAtMs"].as_u64().is_some());
    assert_eq!(state["session"].get("rawState"), None);

    let mut late = self::page(address, "").await;
    let snapshot = next(&mut late).await;
    // A snapshot answers the page; only what an event has changed belongs to the event's trace.
    assert_eq!(snapshot.get("_trace"), None);
    let state = Envelope::json().strip(&state.to_string()).into_owned();
    assert_eq!(snapshot, serde_json::from_str::<Value>(&state).expect("state"));
}

#[tokio::test]
async fn a_page_can_follow_one_session() {
    let bed = Bed::new().await;
    let address = serve(&bed).await;
    let mut page = page(address, "?session=d").await;
    assert_eq!(next(&mut page).await["session"], Value::Null);
    bed.stream(1, &input("t")).await;
    let other = EventIds { command_id: "d".into(), session_id: None, ..ids() };
    bed.persist(&RunnerEvent::build_stream(other, 1, &input("u"))).await;
    assert_eq!(next(&mut page).await["session"]["id"], "d");
}

#[tokio::test]
async fn a_message_carries_the_context_of_its_broadcast() {
    let bed = Bed::new().await;
    let mut page = page(serve(&bed).await, "").await;
    next(&mut page).await;
    bed.stream(1, &input("t")).await;
    let state = next(&mut page).await;
    let spans = bed.spans.finished();
    let broadcast = spans.iter().find(|span| span.name == "broadcast").expect("span");
    let context = Envelope::json().extract(&state.to_string()).context;
    assert_eq!(context.parent().expect("parent").parent_id().to_string(), broadcast.span_id);
    assert_eq!(broadcast.attribute("subscribers"), Some("1"));
}

#[tokio::test]
async fn a_page_that_does_not_read_skips_states_and_ends_with_the_newest() {
    let bed = Bed::new().await;
    let mut page = page(serve(&bed).await, "").await;
    // States of 256 KiB, more of them than the buffers of a socket hold.
    let calls = u64::from(MAX_STATE_TOOL_CALLS);
    let line = "x".repeat(MAX_STATE_OUTPUT_CHARS as usize);
    for seq in 1..=calls {
        bed.stream(seq, &text(&format!("t{seq}"), &line)).await;
    }
    let last = calls + 120;
    for seq in calls + 1..=last {
        bed.stream(seq, &todos(&[("a", &seq.to_string(), TodoStatus::Pending)])).await;
    }
    let newest = Value::from(last.to_string());
    let mut received = 0;
    while next(&mut page).await["todos"][0]["content"] != newest {
        received += 1;
    }
    assert!(received < last - 1, "{received} of {last} states");
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let bed = Bed::new().await;
    let address = serve(&bed).await;
    for (origin, allowed) in [
        (format!("http://{address}"), true),
        ("http://evil.example".to_owned(), false),
        ("null".to_owned(), false),
    ] {
        let mut request = format!("ws://{address}/ws").into_client_request().expect("request");
        let header = HeaderName::from_static("origin");
        request.headers_mut().insert(header, origin.parse().expect("header"));
        match connect_async(request).await {
            Ok(_) => assert!(allowed, "{origin}"),
            Err(Error::Http(response)) => {
                assert!(!allowed && response.status() == StatusCode::FORBIDDEN, "{origin}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn places_for_pages_are_bounded_and_become_free_again() {
    let bed = Bed::new().await;
    let address = serve(&bed).await;
    let mut seats: Vec<_> = (0..MAX_SUBSCRIBERS).map(|_| bed.persistence.hub.subscribe()).collect();
    let Err(Error::Http(response)) = connect_async(format!("ws://{address}/ws")).await else {
        panic!("one page too many was let in");
    };
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    seats.pop();
    next(&mut page(address, "").await).await;
}

#[tokio::test]
async fn pages_are_told_when_the_service_ends() {
    let bed = Bed::new().await;
    let mut page = page(serve(&bed).await, "").await;
    next(&mut page).await;
    bed.persistence.close().await;
    let message = timeout(Duration::from_secs(10), page.next()).await.expect("in time");
    let Some(Ok(Message::Close(Some(frame)))) = message else { panic!("{message:?}") };
    assert_eq!(u16::from(frame.code), 1001);
}
