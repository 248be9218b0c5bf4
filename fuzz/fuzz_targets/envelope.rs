//! What the envelope says equals what a full parse says, and bytes outside the context never change.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use throughline::context::{TraceContext, TraceParent};
use throughline::websocket::Envelope;

fuzz_target!(|text: &str| {
    let envelope = Envelope::json();
    let parent: TraceParent =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().expect("valid");
    let replaced = envelope.replace(text, &TraceContext::from(parent));
    let stripped = envelope.strip(&replaced);
    assert_eq!(stripped, envelope.strip(text));
    let json = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Ok(Value::Object(mut whole)) = serde_json::from_str::<Value>(json) else { return };
    assert_eq!(envelope.extract(&replaced).context.parent(), Some(&parent));
    whole.remove("_trace");
    whole.remove("_sentry");
    let rest = stripped.strip_prefix('\u{feff}').unwrap_or(&stripped);
    assert_eq!(serde_json::from_str::<Value>(rest).ok(), Some(Value::Object(whole)));
});
