//! Whatever comes as a binary message: its payload is what the format says, and keeps its bytes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use throughline::context::{TraceContext, TraceParent};
use throughline::limits;
use throughline::propagation::{Propagator, Rule};
use throughline::websocket::Frame;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const NAMES: [&str; 4] = ["traceparent", "tracestate", "baggage", "sentry-trace"];

fuzz_target!(|message: Vec<u8>| {
    let (frame, message) = (Frame::new(), Bytes::from(message));
    let parent: TraceParent = TRACEPARENT.parse().expect("it is valid");
    let (payload, found) = frame.decode(&message);
    let replaced = frame.replace(&message, &TraceContext::from(parent));
    match fields(&message) {
        Some(fields) => {
            let length: usize = fields.iter().map(|(_, value)| 3 + value.len()).sum();
            assert_eq!(payload, message[3 + length..]);
            assert_eq!(
                found.context,
                Propagator::default().extract(&last_of_each(&fields)).context
            );
            let (kept, now) = frame.decode(&replaced);
            assert_eq!((kept, now.context.parent()), (payload.clone(), Some(&parent)));
        }
        None => {
            assert_eq!((&payload, &replaced), (&message, &message));
            assert!(found.context.is_empty());
            assert_eq!(
                found.refused.iter().map(|error| error.rule()).collect::<Vec<_>>(),
                [Rule::Ms4]
            );
        }
    }
    // What goes out comes in, whoever reads it.
    let sent = Bytes::from(frame.encode(&payload, &found.context));
    let (again, read) = frame.decode(&sent);
    assert!(again == payload && fields(&sent).is_some());
    assert_eq!(read.context.parent().is_some(), found.context.parent().is_some());
    assert_eq!(frame.encode(&payload, &read.context), sent);
});

/// Ids and values, by the table in the docs of [`Frame`].
fn fields(message: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (head, rest) = message.split_at_checked(3)?;
    let length = usize::from(head[1]) << 8 | usize::from(head[2]);
    let is_known = head[0] == 1 && length <= limits::ENVELOPE_CONTEXT_BYTES;
    let mut rest = rest.get(..length).filter(|_| is_known)?;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (head, behind) = rest.split_at_checked(3)?;
        let (value, behind) =
            behind.split_at_checked(usize::from(head[1]) << 8 | usize::from(head[2]))?;
        fields.push((head[0], value));
        rest = behind;
    }
    Some(fields)
}

fn last_of_each<'a>(fields: &[(u8, &'a [u8])]) -> Vec<(&'static str, &'a [u8])> {
    let last = |id| fields.iter().rev().find(|(other, _)| *other == id);
    (1..).zip(NAMES).filter_map(|(id, name)| Some((name, last(id)?.1))).collect()
}
