//! The messages that everybody is measured with: the benches, the allocation counts and the peers.

use serde::{Deserialize, Serialize};

/// Lengths of messages in bytes, without their context.
pub(crate) const SIZES: [usize; 4] = [B200, KB2, KB64, MB1];
pub(crate) const B200: usize = 200;
pub(crate) const KB2: usize = 2_000;
pub(crate) const KB64: usize = 64_000;
pub(crate) const MB1: usize = 1_000_000;

pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The members of a context that has a sampled parent and nothing else.
pub(crate) const CONTEXT: &str = concat!(
    r#""_trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","#,
    r#""sentry-trace":"0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"},"#,
    r#""_sentry":{"trace":"0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"}"#
);

/// Where the context of a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    Middle,
    Last,
    Absent,
}

/// What a build has to say.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    #[serde(rename = "type")]
    kind: String,
    seq: u64,
    project_id: String,
    output: Vec<Line>,
    warnings: Vec<Line>,
    note: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    at_ms: u64,
    text: String,
}

/// An event whose JSON has this length.
pub(crate) fn event(bytes: usize) -> Event {
    let mut event = Event {
        kind: "build-stream".to_owned(),
        seq: 7,
        project_id: "shop-front-42".to_owned(),
        output: Vec::new(),
        warnings: Vec::new(),
        note: String::new(),
    };
    let lines = (bytes - json(&event).len()) / (json(&line(0)).len() + ",".len());
    event.output = (0..lines / 2).map(line).collect();
    event.warnings = (lines / 2..lines).map(line).collect();
    event.note = "-".repeat(bytes - json(&event).len());
    event
}

/// The text of an event, with [`CONTEXT`] somewhere in it.
pub(crate) fn text(bytes: usize, place: Place) -> String {
    let mut text = json(&event(bytes));
    match place {
        Place::First => text.insert_str(1, &format!("{CONTEXT},")),
        Place::Middle => {
            let middle = text.find(",\"warnings\":").expect("it is a field of events");
            text.insert_str(middle, &format!(",{CONTEXT}"));
        }
        Place::Last => text.insert_str(text.len() - 1, &format!(",{CONTEXT}")),
        Place::Absent => {}
    }
    text
}

/// As a compiler prints it, with quotation marks that JSON escapes. All are of one length.
fn line(n: usize) -> Line {
    let text = format!("   Compiling crate-{n:05} v1.0.229 (\"build/{n:05}\")\n");
    Line { at_ms: 1_700_000_000_000 + n as u64, text }
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("it has text keys only")
}
