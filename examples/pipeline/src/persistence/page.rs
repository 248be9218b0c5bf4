//! The web page, the WebSocket that keeps it up to date, and the way of its spans.

use std::sync::Arc;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};
use opentelemetry::Context;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::broadcast::{Change, Subscription};
use super::state::{self, to_json};
use super::{PersistError, Persistence, module, sql};
use crate::limits::{MAX_PAGE_EXPORT_BYTES, MAX_SUBSCRIBER_MESSAGE_BYTES, SUBSCRIBER_SEND_TIMEOUT};

/// `GET /`, its style and scripts, `GET /ws` and `POST /v1/traces`.
pub(super) fn router(persistence: Arc<Persistence>) -> Router {
    let page = Router::new()
        .route("/", get(|| asset("text/html; charset=utf-8", INDEX)))
        .route("/page.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/page.js", get(|| asset(JAVASCRIPT, SCRIPT)))
        .route("/v1/traces", post(take_spans))
        .layer(DefaultBodyLimit::max(MAX_PAGE_EXPORT_BYTES))
        .route("/ws", get(follow))
        .with_state(persistence);
    module::FILES
        .into_iter()
        .fold(page, |page, (path, text)| page.route(path, get(move || asset(JAVASCRIPT, text))))
}

async fn asset(content_type: &'static str, body: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, body).into_response()
}

#[derive(Deserialize)]
struct Which {
    /// The session to follow; none means the newest one, whichever that is.
    session: Option<String>,
}

async fn follow(
    State(persistence): State<Arc<Persistence>>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !same_origin(&headers) {
        let reason = "this WebSocket serves pages of its own origin only\n";
        return (StatusCode::FORBIDDEN, reason).into_response();
    }
    let Some(subscription) = persistence.hub.subscribe() else {
        let reason = "too many pages follow already; close one or try again later\n";
        return (StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    };
    // Taken here: the task of the WebSocket runs outside of the request.
    let cx = Context::current();
    upgrade
        .max_message_size(MAX_SUBSCRIBER_MESSAGE_BYTES)
        .max_frame_size(MAX_SUBSCRIBER_MESSAGE_BYTES)
        .on_upgrade(move |socket| async move {
            let follower = Follower { persistence, session: which.session, cx, socket };
            follower.run(subscription).await;
        })
}

/// Takes the spans of a page of this origin. What else it says of itself, such as its cookies, stays
/// here.
async fn take_spans(State(persistence): State<Arc<Persistence>>, request: Request) -> Response {
    let headers = request.headers();
    if !headers.contains_key(ORIGIN) || !same_origin(headers) {
        let reason = "this takes spans of pages of its own origin only\n";
        return (StatusCode::FORBIDDEN, reason).into_response();
    }
    let Some(collector) = &persistence.instruments.collector else {
        let reason = "spans are exported nowhere: OTEL_EXPORTER_OTLP_ENDPOINT is not set\n";
        return (StatusCode::NOT_FOUND, reason).into_response();
    };
    match Bytes::from_request(request, &()).await {
        Ok(message) => collector.pass_on(message).await.into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

/// Browsers let any page open a WebSocket to any address, so the output of a build would be open to
/// every site that its reader visits. Programs send no `Origin`.
fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    match (authority, headers.get(HOST)) {
        (Some((_, authority)), Some(host)) => {
            host.as_bytes().eq_ignore_ascii_case(authority.as_bytes())
        }
        _ => false,
    }
}

/// One page that follows.
struct Follower {
    persistence: Arc<Persistence>,
    session: Option<String>,
    cx: Context,
    socket: WebSocket,
}

impl Follower {
    /// Sends a snapshot, then every change, until one side ends it. A state can come twice: the
    /// subscription begins before the snapshot is read, so that none is missed.
    async fn run(mut self, mut subscription: Subscription) {
        let mut next = self.snapshot().await;
        loop {
            let Some(json) = next else {
                return self.close("the database cannot be read").await;
            };
            if !self.send(Message::Text(json)).await {
                return;
            }
            next = loop {
                tokio::select! {
                    () = subscription.closed.cancelled() => {
                        return self.close("the service ends").await;
                    }
                    message = self.socket.recv() => match message {
                        // What a page says is read so that pings are answered, then dropped.
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return,
                    },
                    change = subscription.changes.recv() => match change {
                        Ok(change) if self.wants(&change) => break Some(change.json),
                        Ok(_) => {}
                        // Each state replaces the one before: one fresh snapshot catches up.
                        Err(RecvError::Lagged(_)) => {
                            subscription.changes = subscription.changes.resubscribe();
                            break self.snapshot().await;
                        }
                        Err(RecvError::Closed) => return,
                    },
                }
            };
        }
    }

    fn wants(&self, change: &Change) -> bool {
        self.session.as_ref().is_none_or(|session| *session == change.session_id)
    }

    async fn snapshot(&mut self) -> Option<Utf8Bytes> {
        let state = self.persistence.snapshot(&self.cx, self.session.as_deref()).await.ok()?;
        Some(to_json(&state).into())
    }

    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(SUBSCRIBER_SEND_TIMEOUT, self.socket.send(message)).await, Ok(Ok(())))
    }

    async fn close(mut self, reason: &'static str) {
        let frame = CloseFrame { code: close_code::AWAY, reason: reason.into() };
        self.send(Message::Close(Some(frame))).await;
    }
}

impl Persistence {
    /// The state of one session, or of the newest.
    async fn snapshot(
        &self,
        cx: &Context,
        session: Option<&str>,
    ) -> Result<state::State, PersistError> {
        let statement = &sql::SELECT_SESSION;
        let select = sqlx::query_as(statement.text).bind(session).fetch_all(self.store.reader());
        let mut sessions = self.instruments.select(cx, statement, select).await?;
        state::State::of(sessions.pop())
            .map_err(|source| PersistError::Database { statement: statement.name(), source })
    }
}

const INDEX: &str = include_str!("../../web/index.html");
const STYLE: &str = include_str!("../../web/page.css");
const SCRIPT: &str = include_str!("../../web/page.js");

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Own files only, no inline code, and no way from a text to markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";
