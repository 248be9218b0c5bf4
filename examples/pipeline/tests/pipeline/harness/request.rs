//! HTTP requests as a stranger sends them: no header but those given.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::{SECRET, within};

/// An answer in JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Answer {
    /// Status and name of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["error"].as_str().unwrap_or_default())
    }
}

pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut request = Request::post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).unwrap();
    let exchange = async {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, body: serde_json::from_slice(&body).unwrap_or_default() }
    };
    within("an answer", exchange).await
}

/// Posts an event with the secret and these headers, which must be taken.
pub(crate) async fn post_event(api: &str, headers: &[(&str, &str)], event: &Value) {
    let authorization = format!("Bearer {SECRET}");
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend_from_slice(headers);
    let answer = post(&format!("{api}/api/runner/events"), &all, event.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}

/// Asks for a build until a runner is there to take it; the broker answers 503 before.
pub(crate) async fn order(broker: &str, headers: &[(&str, &str)], body: &'static str) -> Value {
    let authorization = format!("Bearer {SECRET}");
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend_from_slice(headers);
    let taken = async {
        loop {
            let answer = post(&format!("{broker}/api/commands"), &all, body).await;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
        }
    };
    let answer = within("a runner for the command", taken).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    answer.body
}
