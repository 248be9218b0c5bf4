use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::limits::MAX_EVENT_BYTES;
use throughline::http::ServerLayer;

async fn answer(bed: &Bed, request: Request<Body>) -> Response<Body> {
    let router =
        Arc::clone(&bed.persistence).router(Secret::new("s3cret"), ServerLayer::propagate_only());
    router.oneshot(request).await.expect("answer")
}

async fn json_of(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.expect("body").to_bytes();
    (status, serde_json::from_slice(&body).expect("JSON"))
}

async fn post(bed: &Bed, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/events").header(AUTHORIZATION, "Bearer s3cret");
    json_of(answer(bed, request.body(body.into()).expect("request")).await).await
}

#[tokio::test]
async fn an_event_is_stored_and_its_copy_is_a_duplicate() {
    let bed = Bed::new().await;
    let event = RunnerEvent::build_stream(ids(), 1, &input("t")).to_json();
    assert_eq!(post(&bed, event.clone()).await, (StatusCode::OK, json!({"outcome": "stored"})));
    assert_eq!(post(&bed, event).await, (StatusCode::OK, json!({"outcome": "duplicate"})));
    let heartbeat = RunnerEvent::heartbeat().to_json();
    assert_eq!(post(&bed, heartbeat).await, (StatusCode::OK, json!({"outcome": "ignored"})));
}

#[tokio::test]
async fn a_wrong_or_missing_secret_is_refused_with_what_to_do() {
    let bed = Bed::new().await;
    for header in [None, Some("Bearer wrong"), Some("Basic s3cret")] {
        let mut request = Request::post("/events");
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        let event = RunnerEvent::build_stream(ids(), 1, &input("t")).to_json();
        let response = answer(&bed, request.body(Body::from(event)).expect("request")).await;
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        let (status, body) = json_of(response).await;
        assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
        assert!(body["reason"].as_str().expect("reason").contains("SHARED_SECRET"));
    }
    assert!(bed.rows("SELECT type FROM generation_events").await.is_empty());
}

#[tokio::test]
async fn bad_events_are_refused_by_name() {
    let bed = Bed::new().await;
    for (body, name) in [
        ("", "not_json"),
        ("{", "not_json"),
        (r#"{"type":"error"}"#, "missing_field"),
        (r#"{"type":"toast","projectId":"p","commandId":"c","seq":1,"data":1}"#, "unknown_type"),
        (r#"{"type":"error","projectId":"p","commandId":"c","seq":-1,"data":1}"#, "bad_data"),
    ] {
        let (status, answer) = post(&bed, body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer["error"], name, "{body}");
    }
    let (status, answer) = post(&bed, vec![b'{', 0xff, b'}']).await;
    assert_eq!((status, &answer["error"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("not_json")));
}

#[tokio::test]
async fn a_session_of_another_command_is_refused_for_good() {
    let bed = Bed::new().await;
    bed.stream(1, &input("t")).await;
    let thief = EventIds { command_id: "d".into(), ..ids() };
    let (status, answer) =
        post(&bed, RunnerEvent::build_stream(thief, 1, &input("t")).to_json()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer["error"], "session_conflict");
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large_whether_it_says_its_length_or_not() {
    let bed = Bed::new().await;
    let body = vec![b' '; MAX_EVENT_BYTES + 1];
    let chunks = body.chunks(64 * 1024).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
    let chunked = Body::from_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
    for body in [Body::from(body), chunked] {
        let (status, answer) = post(&bed, body).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer["error"], "too_large");
    }
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_read() {
    let bed = Bed::new().await;
    let body = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::post("/events").header(CONTENT_LENGTH, 100);
    let response = answer(&bed, request.body(Body::from_stream(body)).expect("request")).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_database_that_fails_means_try_again() {
    let bed = Bed::new().await;
    let probe = || Request::get("/health").body(Body::empty()).expect("request");
    assert_eq!(answer(&bed, probe()).await.status(), StatusCode::OK);
    bed.persistence.close().await;
    let (status, body) =
        post(&bed, RunnerEvent::build_stream(ids(), 1, &input("t")).to_json()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["error"], "unavailable");
    assert_eq!(answer(&bed, probe()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_page_and_what_it_loads_come_from_the_binary() {
    let bed = Bed::new().await;
    for (path, kind) in
        [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")]
    {
        let request = Request::get(path).body(Body::empty()).expect("request");
        let response = answer(&bed, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name| response.headers()[name].to_str().expect("text");
        assert!(header(http::header::CONTENT_TYPE).starts_with(kind));
        let policy = header(CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
    }
}

#[test]
fn the_page_writes_text_only_and_loads_nothing_from_elsewhere() {
    let index = include_str!("../../../web/index.html");
    let script = include_str!("../../../web/page.js");
    let style = include_str!("../../../web/page.css");
    for way_to_markup in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("] {
        assert!(!script.contains(way_to_markup), "{way_to_markup}");
    }
    for text in [index, script, style] {
        assert!(!text.contains("://"), "an address outside");
    }
    for inline in ["<style", "style=", "onclick", "<script>"] {
        assert!(!index.contains(inline), "{inline} is against the policy");
    }
}
