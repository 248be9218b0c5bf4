//! `examples/conformance_service.rs` under a scripted client, as the public W3C suite drives it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ::http::{HeaderMap, Request, StatusCode};
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::http::serve;

#[expect(dead_code, reason = "the example's main is for the command line")]
#[path = "../../examples/conformance_service.rs"]
mod conformance_service;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The service, and a target that keeps what it is sent.
struct Bed {
    service: SocketAddr,
    target: SocketAddr,
    seen: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

impl Bed {
    async fn new() -> Self {
        type Seen = Arc<Mutex<Vec<(HeaderMap, String)>>>;
        async fn keep(State(seen): State<Seen>, headers: HeaderMap, body: String) {
            seen.lock().unwrap().push((headers, body));
        }
        let seen = Seen::default();
        let target = Router::new().route("/{*any}", post(keep)).with_state(Arc::clone(&seen));
        let (target, service) = (serve(target).await, serve(conformance_service::app()).await);
        Self { service, target, seen }
    }

    async fn post(&self, headers: &[(&str, &str)], body: &str) -> StatusCode {
        let mut request = Request::post(format!("http://{}/any/path", self.service));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = request.body(Full::<bytes::Bytes>::from(body.to_owned())).unwrap();
        let response = client.request(request).await.unwrap();
        let status = response.status();
        response.into_body().collect().await.unwrap();
        status
    }

    /// The headers of the calls that one request makes.
    async fn calls(&self, headers: &[(&str, &str)], count: usize) -> Vec<HeaderMap> {
        self.seen.lock().unwrap().clear();
        let call = json!({"url": format!("http://{}/call", self.target), "arguments": []});
        let body = Value::from(vec![call; count]).to_string();
        assert_eq!(self.post(headers, &body).await, StatusCode::OK);
        let seen = self.seen.lock().unwrap();
        assert!(seen.iter().all(|(_, body)| body == "[]"));
        seen.iter().map(|(headers, _)| headers.clone()).collect()
    }
}

fn traceparent(headers: &HeaderMap) -> &str {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next().unwrap().to_str().unwrap();
    assert_eq!(values.next(), None, "exactly one");
    value
}

#[tokio::test]
async fn tp_8_each_call_continues_the_trace_with_a_parent_of_its_own() {
    let bed = Bed::new().await;
    let calls = bed.calls(&[("traceparent", PARENT), ("tracestate", "foo=1,bar=2")], 3).await;
    let mut parents: Vec<_> =
        calls.iter().map(|call| traceparent(call)[36..52].to_owned()).collect();
    assert!(calls.iter().all(|call| traceparent(call).starts_with(&format!("00-{TRACE}-"))));
    assert!(calls.iter().all(|call| call["tracestate"] == "foo=1,bar=2"));
    parents.push(PARENT[36..52].to_owned());
    parents.sort_unstable();
    parents.dedup();
    assert_eq!(parents.len(), 4);
}

#[tokio::test]
async fn tp_3_a_bad_header_starts_a_new_trace_without_its_state() {
    let bed = Bed::new().await;
    for bad in ["", "00-0-0-01", &PARENT.to_uppercase(), &format!("{PARENT}-x")] {
        let calls = bed.calls(&[("traceparent", bad), ("tracestate", "foo=1")], 1).await;
        assert_ne!(&traceparent(&calls[0])[3..35], TRACE, "{bad}");
        assert!(!calls[0].contains_key("tracestate"), "{bad}");
    }
    let calls = bed.calls(&[("traceparent", PARENT), ("traceparent", PARENT)], 1).await;
    assert_ne!(&traceparent(&calls[0])[3..35], TRACE);
}

#[tokio::test]
async fn ts_2_several_state_headers_are_one_list() {
    let bed = Bed::new().await;
    let headers = [("traceparent", PARENT), ("tracestate", "foo=1"), ("tracestate", "bar=2")];
    let calls = bed.calls(&headers, 1).await;
    assert_eq!(calls[0]["tracestate"], "foo=1,bar=2");
}

#[tokio::test]
async fn anything_that_is_a_list_of_calls_is_answered() {
    let bed = Bed::new().await;
    for body in
        ["[]", "null", r#"[{"url":"http://127.0.0.1:1/nobody"}]"#, r#"[{"url":"nonsense"}]"#]
    {
        for content_type in ["application/json", "text/plain", ""] {
            let status = bed.post(&[("content-type", content_type)], body).await;
            assert_eq!(status, StatusCode::OK, "{body} {content_type}");
        }
    }
    assert_eq!(bed.post(&[], "{").await, 400);
    let get =
        Request::get(format!("http://{}/", bed.service)).body(Full::<bytes::Bytes>::default());
    let client = Client::builder(TokioExecutor::new()).build_http();
    assert_eq!(client.request(get.unwrap()).await.unwrap().status(), 200);
}
