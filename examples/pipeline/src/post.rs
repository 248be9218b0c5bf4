//! Posts an event to the next service and says what became of it.

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use throughline::http::{ClientLayer, ClientService};
use tower::{Layer, ServiceExt};

use crate::limits::{MAX_ANSWER_BYTES, POST_TIMEOUT};
use crate::refusal::{Refusal, RefusalBody};
use crate::secret::Secret;
use crate::telemetry::Telemetry;

/// Posts JSON texts to one address, each in a CLIENT span below the current context.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    target: Uri,
    authorization: HeaderValue,
    client: ClientService<Client<HttpConnector, Full<Bytes>>>,
}

impl Post {
    /// Posts to `path` at `base`.
    ///
    /// # Errors
    /// If the address is none that can be posted to, or the secret fits in no header.
    pub(crate) fn new(
        base: &Uri,
        path: &str,
        secret: &Secret,
        telemetry: &Telemetry,
    ) -> anyhow::Result<Self> {
        let (Some("http"), Some(authority)) = (base.scheme_str(), base.authority()) else {
            anyhow::bail!("an address to post to must begin with http://");
        };
        let prefix = base.path().trim_end_matches('/');
        let target = format!("http://{authority}{prefix}{path}");
        let layer = ClientLayer::new()
            .propagation(telemetry.propagator().clone())
            .tracer_provider(telemetry.tracers().clone());
        Ok(Self {
            target: target.parse().context("the address to post to cannot be read")?,
            authorization: secret
                .to_header()
                .context("the shared secret has characters that no header can hold")?,
            client: layer.layer(Client::builder(TokioExecutor::new()).build_http()),
        })
    }

    /// Makes one attempt.
    pub(crate) async fn event(&self, text: Bytes) -> Answer {
        match tokio::time::timeout(POST_TIMEOUT, self.attempt(text)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Unavailable(format!("no answer: {error:#}")),
            Err(_) => Answer::Unavailable(format!("no answer within {POST_TIMEOUT:?}")),
        }
    }

    async fn attempt(&self, text: Bytes) -> anyhow::Result<Answer> {
        let request = Request::post(self.target.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(text))?;
        let response = self.client.clone().oneshot(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        Ok(Answer::of(head.status, &body))
    }
}

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is committed.
    Taken,
    /// It will not be taken, however often it is sent.
    Refused(Refusal),
    /// Sending it again can help.
    Unavailable(String),
}

impl Answer {
    fn of(status: StatusCode, body: &[u8]) -> Self {
        if status.is_success() {
            return Self::Taken;
        }
        let body = serde_json::from_slice(body).unwrap_or_else(|_| RefusalBody {
            error: format!("http_{}", status.as_u16()),
            reason: format!("the next service answered {status}"),
        });
        match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Self::Unavailable(body.reason)
            }
            _ if status.is_client_error() => {
                Self::Refused(Refusal { status, name: body.error, reason: body.reason })
            }
            _ => Self::Unavailable(body.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sending_again_cannot_cure_is_refused() {
        for (status, again) in [
            (StatusCode::UNAUTHORIZED, false),
            (StatusCode::PAYLOAD_TOO_LARGE, false),
            (StatusCode::UNPROCESSABLE_ENTITY, false),
            (StatusCode::TOO_MANY_REQUESTS, true),
            (StatusCode::BAD_GATEWAY, true),
            (StatusCode::SERVICE_UNAVAILABLE, true),
            (StatusCode::FOUND, true),
        ] {
            let answer = Answer::of(status, b"<html>");
            assert_eq!(matches!(answer, Answer::Unavailable(_)), again, "{status}");
        }
        assert!(matches!(Answer::of(StatusCode::OK, b""), Answer::Taken));
    }

    #[test]
    fn the_reason_of_the_next_service_is_passed_on() {
        let body = br#"{"error":"bad_data","reason":"the event has a bad seq"}"#;
        let Answer::Refused(refusal) = Answer::of(StatusCode::UNPROCESSABLE_ENTITY, body) else {
            panic!("422 is a refusal")
        };
        assert_eq!(
            (refusal.name.as_str(), refusal.reason.as_str()),
            ("bad_data", "the event has a bad seq")
        );
    }
}
