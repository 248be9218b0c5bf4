//! Messages of many traces, interleaved on one socket, through a chain of relays.

use std::collections::HashMap;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use throughline::context::{Decision, SpanId, TraceContext, TraceId, TraceParent};
use throughline::messaging::{MessageView, Messaging};
use throughline::websocket::{Envelope, Relay};
use throughline_testkit::websocket::{Socket, pair};
use throughline_testkit::{InMemorySpans, LeakCheck, SpanRecord};
use tokio_tungstenite::tungstenite::Message;

proptest! {
    // Each case is a runtime, four sockets and up to 24 messages through three relays.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn ms_7_a_chain_of_relays_keeps_interleaved_traces_apart(sent in vec(sent(), 1..24)) {
        let spans = InMemorySpans::new();
        let _check = LeakCheck::new().spans(&spans);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let received = runtime.block_on(chain(&spans, &sent));
        prop_assert_eq!(received.len(), sent.len());

        let finished = spans.finished();
        let by_id: HashMap<_, _> = finished.iter().map(|span| (span.span_id.as_str(), span)).collect();
        prop_assert_eq!(by_id.len(), 3 * sent.len());
        for (n, sent) in sent.iter().enumerate() {
            let text = &received[&n];
            prop_assert_eq!(Envelope::json().strip(text), sent.payload(n));
            let found = Envelope::json().extract(text);
            prop_assert_eq!(&found.refused, &[]);
            let last = found.context.parent().unwrap();
            // Back along the chain: one span of each relay, and then the sender's.
            let mut id = last.parent_id().to_string();
            for relay in ["third", "second", "first"] {
                let span: &SpanRecord = by_id[id.as_str()];
                prop_assert_eq!((&*span.service, &span.trace_id), (relay, &last.trace_id().to_string()));
                id = span.parent_span_id.clone().unwrap_or_default();
            }
            let sender = sent.parent(n).filter(|_| sent.form != Form::Bare);
            prop_assert_eq!(id, sender.map(|sender| sender.parent_id().to_string()).unwrap_or_default());
            if let Some(sender) = sender {
                prop_assert_eq!(last.trace_id(), sender.trace_id());
                prop_assert_eq!(last.sampled(), Some(true));
            }
        }
    }
}

/// One message and what happens to it on its way.
#[derive(Clone, Debug)]
struct Sent {
    /// Which of the traces it belongs to.
    trace: u8,
    form: Form,
    /// How often each relay is interrupted before and while it works at the message.
    pauses: [(u8, u8); 3],
}

/// How the sender writes the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    First,
    /// As a sender in JavaScript does it.
    Last,
    OnlySentry,
    Bare,
}

impl Sent {
    fn parent(&self, n: usize) -> Option<TraceParent> {
        let trace = TraceId::from_u128(u128::from(self.trace) + 1)?;
        let span = SpanId::from_u64(u64::try_from(n).unwrap() + 1)?;
        Some(TraceParent::new(trace, span, Decision::Sampled))
    }

    fn payload(&self, n: usize) -> String {
        format!(r#"{{"n":{n},"of":{{"_trace":"{}"}}}}"#, self.trace)
    }

    fn text(&self, n: usize) -> String {
        let (payload, parent) = (self.payload(n), self.parent(n).unwrap());
        let sentry = format!("{}-{}-1", parent.trace_id(), parent.parent_id());
        match self.form {
            Form::First => Envelope::json().inject(&payload, &parent.into()).into_owned(),
            Form::Last => {
                let payload = payload.strip_suffix('}').unwrap();
                format!(r#"{payload},"_trace":{{"traceparent":"{parent}"}}}}"#)
            }
            Form::OnlySentry => {
                format!(
                    r#"{{"_sentry":{{"trace":"{sentry}"}},{}"#,
                    payload.strip_prefix('{').unwrap()
                )
            }
            Form::Bare => payload,
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let form =
        prop_oneof![Just(Form::First), Just(Form::Last), Just(Form::OnlySentry), Just(Form::Bare)];
    let pauses = [(0..4_u8, 0..4_u8), (0..4, 0..4), (0..4, 0..4)];
    (0..4_u8, form, pauses).prop_map(|(trace, form, pauses)| Sent { trace, form, pauses })
}

/// Sends the messages through three relays, and gives what arrives by its number.
async fn chain(spans: &InMemorySpans, sent: &[Sent]) -> HashMap<usize, String> {
    let [
        (mut sender, first_in),
        (first_out, second_in),
        (second_out, third_in),
        (third_out, mut receiver),
    ] = [pair().await, pair().await, pair().await, pair().await];
    let send = async {
        for (n, message) in sent.iter().enumerate() {
            sender.send(Message::text(message.text(n))).await.unwrap();
        }
    };
    let receive = async {
        let mut received = HashMap::new();
        while received.len() < sent.len() {
            let text = receiver.next().await.unwrap().unwrap().into_text().unwrap().to_string();
            received.insert(number(&text), text);
        }
        received
    };
    let relay = |at: usize, name, from, to| relay(spans.service(name), at, sent, from, to);
    let relays = async {
        tokio::join!(
            relay(0, "first", first_in, first_out),
            relay(1, "second", second_in, second_out),
            relay(2, "third", third_in, third_out),
        )
    };
    let ((), _ends, received) = tokio::join!(send, relays, receive);
    received
}

/// Works at all messages at once, and passes each on as soon as it is done.
async fn relay(
    spans: InMemorySpans,
    at: usize,
    sent: &[Sent],
    mut from: Socket,
    mut to: Socket,
) -> [Socket; 2] {
    let relay = Relay::new(Envelope::json());
    let messaging = Messaging::new("websocket").tracer_provider(spans.provider());
    let mut work = FuturesUnordered::new();
    for _ in sent {
        let message = from.next().await.unwrap().unwrap();
        let text = message.to_text().unwrap();
        let (before, while_at_it) = sent[number(text)].pauses[at];
        let found = relay.envelope().extract(text);
        let (relay, messaging) = (&relay, &messaging);
        work.push(async move {
            pause(before).await;
            let forward = async {
                pause(while_at_it).await;
                relay.forward(message, &TraceContext::current())
            };
            messaging.process(MessageView::new(), &found).run(forward).await
        });
    }
    while let Some(message) = work.next().await {
        to.send(message).await.unwrap();
    }
    [from, to]
}

async fn pause(times: u8) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

fn number(text: &str) -> usize {
    let value: Value = serde_json::from_str(text).unwrap();
    usize::try_from(value["n"].as_u64().unwrap()).unwrap()
}
