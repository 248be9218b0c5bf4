//! What the service answers: events come in, pages go out.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde_json::json;
use throughline::http::ServerLayer;

use super::{PersistError, Persistence, page};
use crate::event::{EventRefused, RunnerEvent};
use crate::limits::MAX_EVENT_BYTES;
use crate::refusal::Refusal;
use crate::secret::Secret;

#[derive(Clone)]
struct Service {
    persistence: Arc<Persistence>,
    secret: Secret,
}

impl Persistence {
    /// The routes of the service alone: `POST /events`, `GET /health` and the web page.
    ///
    /// `POST /events` takes one event and answers when it is committed: 200 with its outcome; 401,
    /// 413 and 422 for what sending again cannot cure; 503 when sending again can help. Its requests
    /// go through `layer`.
    pub(crate) fn router(self: Arc<Self>, secret: Secret, layer: ServerLayer) -> Router {
        let service = Service { persistence: Arc::clone(&self), secret };
        Router::new()
            .route("/events", post(take_event))
            .layer(DefaultBodyLimit::max(MAX_EVENT_BYTES))
            .route_layer(layer)
            .route("/health", get(health))
            .with_state(service)
            .merge(self.page_router())
    }

    /// The web page and its WebSocket only, for a service that has routes of its own.
    pub(crate) fn page_router(self: Arc<Self>) -> Router {
        page::router(self)
    }
}

async fn take_event(State(service): State<Service>, request: Request) -> Response {
    let answer = try_take_event(&service, request).await;
    answer.unwrap_or_else(|refusal| {
        service.persistence.instruments.count_refused(refusal.name.clone());
        refusal.into_response()
    })
}

async fn try_take_event(service: &Service, request: Request) -> Result<Response, Refusal> {
    // Before the body is read: a stranger must not make the service hold a megabyte.
    if !service.secret.authorizes(request.headers()) {
        return Err(Refusal::unauthorized());
    }
    let body = Bytes::from_request(request, &()).await?;
    let text = std::str::from_utf8(&body).map_err(|_| EventRefused::NotJson)?;
    let event = RunnerEvent::parse(text)?;
    let outcome = service.persistence.persist(&event).await?;
    Ok(Json(json!({ "outcome": outcome.as_str() })).into_response())
}

async fn health(State(service): State<Service>) -> Response {
    match service.persistence.store.probe().await {
        Ok(()) => Json(json!({ "status": "ok" })).into_response(),
        Err(_) => Refusal::unavailable(DATABASE_FAILED).into_response(),
    }
}

impl From<PersistError> for Refusal {
    fn from(error: PersistError) -> Self {
        if error.is_retryable() {
            return Self::unavailable(DATABASE_FAILED);
        }
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            name: error.name().to_owned(),
            reason: error.to_string(),
        }
    }
}

const DATABASE_FAILED: &str = "the database did not answer in time or failed; send the event again";
