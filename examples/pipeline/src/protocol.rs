//! What a broker says to a runner.
//!
//! Acknowledgements belong to the WebSocket subprotocol [`ACKNOWLEDGED`]: a runner that does not ask
//! for it gets none, and one whose broker does not know it takes an event for delivered when it is
//! sent.

use serde::{Deserialize, Serialize};

/// Subprotocol in which the broker answers each event, when the database has it, or why not.
pub(crate) const ACKNOWLEDGED: &str = "throughline.ack.v1";

/// A message from a broker to a runner.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(crate) enum BrokerMessage {
    /// The event is committed.
    Ack {
        /// The event's command.
        command_id: String,
        /// The event's number.
        seq: u64,
    },
    /// The event will not be taken, however often it is sent.
    Refused {
        /// The event's command, if it could be read.
        command_id: Option<String>,
        /// The event's number, if it could be read.
        seq: Option<u64>,
        /// Name of the reason.
        error: String,
        /// The reason for people.
        reason: String,
    },
    /// The runner is to build its plan.
    StartBuild {
        /// Id for the events of this build.
        command_id: String,
        /// The project to name in them; the plan's own if there is none.
        project_id: Option<String>,
    },
}
