//! What an envelope and a relay make of a text equals what a full parse makes of it, in every placement,
//! and what is no JSON stays none.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use throughline::context::{Decision, SpanId, TraceContext, TraceParent};
use throughline::propagation::Propagator;
use throughline::websocket::{Envelope, Relay};

#[path = "envelope/model.rs"]
mod model;
#[path = "envelope/parsed.rs"]
mod parsed;

use model::{MODELS, Model};
use parsed::Parsed;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SENTRY_TRACE: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
const HEADERS: [(&str, &str); 3] =
    [("traceparent", TRACEPARENT), ("tracestate", "a=\"\\,b=1"), ("sentry-trace", SENTRY_TRACE)];

static ENVELOPES: LazyLock<[Envelope; MODELS.len()]> =
    LazyLock::new(|| MODELS.each_ref().map(|model| (model.envelope)()));

fuzz_target!(|text: &str| {
    let context = Propagator::default().extract(&HEADERS).context;
    let is_json = Parsed::parse(text).is_some();
    for (model, envelope) in MODELS.iter().zip(ENVELOPES.iter()) {
        match is_json {
            true => equals_the_model(model, envelope, &context, text),
            false => stays_what_it_is(envelope, &context, text),
        }
    }
    is_relayed(text, &context, is_json);
});

fn equals_the_model(model: &Model, envelope: &Envelope, context: &TraceContext, text: &str) {
    let Model { read, write, .. } = *model;
    let mut headers = Vec::new();
    model::read(read, text, &mut headers);
    let found = Propagator::default().extract(&headers).context;
    assert_eq!(envelope.extract(text).context, found);

    let bare = model::removed(read, text);
    assert_eq!(envelope.strip(text), bare);
    assert_eq!(envelope.replace(text, context), model::replaced(model, text, &HEADERS));
    assert_eq!(envelope.replace(text, &TraceContext::new()), model::replaced(model, text, &[]));

    let injected = match model::stands_in(read, text) {
        true => text.to_owned(),
        false => model::added(write, text, &HEADERS),
    };
    assert_eq!(envelope.inject(text, context), injected);
    let prepended = match model::is_flat(write.iter()) {
        true => Parsed::parse(text).expect("valid").rewrite(&model::members(write, &HEADERS), &[]),
        false => injected,
    };
    assert_eq!(envelope.prepend(text, context), prepended);
}

/// Of a text that is no JSON, nobody says what is its context.
fn stays_what_it_is(envelope: &Envelope, context: &TraceContext, text: &str) {
    let _ = envelope.extract(text);
    let bare = envelope.strip(text);
    assert!(Parsed::parse(&bare).is_none() && is_left_of(&bare, text));
    // What a context at the start has hidden goes too where something is replaced.
    let barest = envelope.strip(&bare);
    let removed = envelope.replace(text, &TraceContext::new());
    assert!([&bare, &barest].contains(&&removed));
    let replaced = envelope.replace(text, context);
    assert!(Parsed::parse(&replaced).is_none() && is_left_of(&barest, &replaced));
    for sent in [envelope.inject(text, context), envelope.prepend(text, context)] {
        assert!(Parsed::parse(&sent).is_none() && is_left_of(text, &sent));
    }
}

/// By a span of the trace that the text has, or of another.
fn is_relayed(text: &str, context: &TraceContext, is_json: bool) {
    let relay = Relay::new(Envelope::json());
    let found = relay.envelope().extract(text).context;
    let received = found.parent().or(context.parent()).expect("one of them has");
    let own = received.child(SpanId::from_u64(7).expect("not zero"), Decision::Sampled);
    let sent = relay.forward_text(text, &own.into());
    assert_eq!(Parsed::parse(&sent).is_some(), is_json);

    let mut changed = text.to_owned();
    if !relay.reparent(&mut changed, &own) {
        assert_eq!(changed, text);
        assert_eq!(sent, relay.envelope().replace(text, &own.into()));
        return;
    }
    assert_eq!(sent, changed);
    assert_eq!(digits_hidden(&changed), digits_hidden(text));
    if is_json {
        let sent = relay.envelope().extract(&sent).context;
        assert_eq!(sent.parent().map(parts), Some(parts(&own)));
        assert_eq!(sent.trace_state(), found.trace_state());
        assert_eq!(sent.baggage(), found.baggage());
        assert_eq!(relay.envelope().strip(&changed), relay.envelope().strip(text));
    }
}

fn parts(parent: &TraceParent) -> (throughline::context::TraceId, SpanId, Option<bool>) {
    (parent.trace_id(), parent.parent_id(), parent.sampled())
}

/// Whether nothing is lost or moved on the way from `whole` to `part`.
fn is_left_of(part: &str, whole: &str) -> bool {
    let mut whole = whole.bytes();
    part.bytes().all(|byte| whole.any(|other| other == byte))
}

/// The text with whatever may be an id or a decision made equal.
fn digits_hidden(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_hexdigit(), "0")
}
