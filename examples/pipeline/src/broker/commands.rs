//! Commands for runners: whoever has the secret can have a runner build its plan.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Broker;
use crate::limits::MAX_WAITING_RUNNERS;
use crate::protocol::BrokerMessage;
use crate::refusal::Refusal;

/// The runners that wait for commands.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    runners: Mutex<Vec<mpsc::Sender<String>>>,
}

impl Waiting {
    /// Adds a runner; what is received is to be sent to it. `None` if too many wait.
    pub(super) fn join(&self) -> Option<mpsc::Receiver<String>> {
        let mut runners = self.runners.lock().unwrap_or_else(PoisonError::into_inner);
        runners.retain(|runner| !runner.is_closed());
        if runners.len() >= MAX_WAITING_RUNNERS {
            return None;
        }
        let (sender, receiver) = mpsc::channel(1);
        runners.push(sender);
        Some(receiver)
    }

    /// Gives the message to the runner that has waited longest and can take it.
    fn send(&self, message: &str) -> bool {
        let mut runners = self.runners.lock().unwrap_or_else(PoisonError::into_inner);
        runners.retain(|runner| !runner.is_closed());
        let taken = runners.iter().position(|runner| runner.try_send(message.to_owned()).is_ok());
        if let Some(place) = taken {
            // The others come first next time.
            let runner = runners.remove(place);
            runners.push(runner);
        }
        taken.is_some()
    }
}

/// What may stand in the body of `POST /api/commands`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Order {
    project_id: Option<String>,
}

/// `POST /api/commands`: has a runner build its plan. The runner continues the trace of this request.
pub(super) async fn start_build(
    State(broker): State<Arc<Broker>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    match order(&broker, &headers, &body) {
        Ok(command_id) => {
            (StatusCode::ACCEPTED, Json(json!({ "commandId": command_id }))).into_response()
        }
        Err(refusal) => {
            broker.count_refused(&refusal.name);
            refusal.into_response()
        }
    }
}

fn order(broker: &Broker, headers: &HeaderMap, body: &str) -> Result<String, Refusal> {
    if !broker.secret.authorizes(headers) {
        return Err(Refusal::unauthorized());
    }
    let order: Order = match body.trim() {
        "" => Order::default(),
        body => serde_json::from_str(body).map_err(|_| Refusal {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            name: "bad_data".to_owned(),
            reason: "the body must be empty or {\"projectId\": \"…\"}".to_owned(),
        })?,
    };
    let command_id = Uuid::now_v7().to_string();
    let message =
        BrokerMessage::StartBuild { command_id: command_id.clone(), project_id: order.project_id };
    let sent =
        broker.relay.envelope().encode(&message).is_ok_and(|text| broker.waiting.send(&text));
    if !sent {
        return Err(Refusal::unavailable(
            "no runner is waiting for commands: start one with `pipeline runner --on-command`",
        ));
    }
    Ok(command_id)
}
