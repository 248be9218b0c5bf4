use std::borrow::Cow;

use http::HeaderMap;

use super::parent_digits::ParentDigits;
use super::{Envelope, Message};
use crate::context::{TraceContext, TraceParent};

/// What a relay does with the contexts of the messages that pass through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RelayMode {
    /// Nothing: a message leaves as the same bytes. The relay is missing from the trace.
    PassThrough,
    /// The relay's span becomes the next hop's parent (rule MS-7). A message without a context gets
    /// the relay's.
    #[default]
    Reparent,
    /// A message leaves without its context, for receivers that are to know nothing of the trace.
    Strip,
}

/// Passes messages on, and the context in them as its mode says. Never parses the payload.
///
/// Where the parent is replaced by another span of the same trace, and the context comes first and has
/// what the envelope writes, only the digits of its id and its decision change: tracestate and baggage
/// pass as they came. With baggage that the envelope's propagator keeps to itself
/// ([`Propagator::forward_baggage`](crate::propagation::Propagator::forward_baggage)), the context is
/// written anew, without it. Of a received message that is one copy of its text; a text of one's own is changed
/// in place, see [`Relay::reparent`].
///
/// ```
/// use throughline::context::{SpanId, TraceContext};
/// use throughline::websocket::{Envelope, Relay};
/// use tokio_tungstenite::tungstenite::Message;
///
/// let received = Message::text(
///     r#"{"_trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"n":1}"#,
/// );
/// let relay = Relay::new(Envelope::json());
/// // In a service: `TraceContext::current()` inside of the relay's own span.
/// let found = relay.envelope().extract(received.to_text().unwrap()).context;
/// let decision = found.parent().unwrap().decision();
/// let own = found.child(SpanId::from_u64(7).unwrap(), decision);
///
/// let sent = relay.forward(received, &own);
/// let sent = sent.to_text().unwrap();
/// assert!(sent.starts_with(r#"{"_trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01""#));
/// assert!(sent.ends_with(r#"},"n":1}"#));
/// let headers = relay.headers(sent);
/// assert_eq!(headers["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01");
/// ```
#[derive(Clone, Debug)]
pub struct Relay {
    envelope: Envelope,
    mode: RelayMode,
    /// Where the envelope names a parent, if it can be changed there.
    written: Option<ParentDigits>,
}

impl Relay {
    /// A relay that reparents: see [`RelayMode`].
    #[must_use]
    pub fn new(envelope: Envelope) -> Self {
        let written = ParentDigits::written_by(&envelope);
        Self { envelope, mode: RelayMode::default(), written }
    }

    /// What happens to the contexts.
    #[must_use]
    pub fn mode(self, mode: RelayMode) -> Self {
        Self { mode, ..self }
    }

    /// The envelope that reads and writes the contexts.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The message as it leaves. `own` is the context of the relay's span; what has no text leaves as
    /// it came.
    #[must_use]
    pub fn forward<M: Message>(&self, message: M, own: &TraceContext) -> M {
        let changed = match message.as_text().map(|text| self.forward_text(text, own)) {
            Some(Cow::Owned(changed)) => changed,
            Some(Cow::Borrowed(_)) | None => return message,
        };
        M::from_text(changed)
    }

    /// The text as it leaves: [`Relay::forward`] for other libraries' messages. Borrowed if it stays
    /// as it is.
    #[must_use]
    pub fn forward_text<'a>(&self, text: &'a str, own: &TraceContext) -> Cow<'a, str> {
        match self.mode {
            RelayMode::PassThrough => Cow::Borrowed(text),
            RelayMode::Strip => self.envelope.strip(text),
            RelayMode::Reparent => {
                let digits = own.parent().and_then(|parent| self.digits(text, parent));
                match digits.zip(own.parent()) {
                    Some((digits, parent)) => {
                        let mut text = text.to_owned();
                        digits.overwrite(&mut text, parent);
                        Cow::Owned(text)
                    }
                    None => self.envelope.replace(text, own),
                }
            }
        }
    }

    /// Makes a span the parent of what a text of one's own says, in place and in a time that does not
    /// depend on the text's length. Tells whether it could: the text has to start with a context of
    /// the span's trace as this relay's [`Envelope`] writes it, with a decision wherever the span has
    /// one. If not, the text is as it was, and [`Relay::forward_text`] does it.
    pub fn reparent(&self, text: &mut String, own: &TraceParent) -> bool {
        let Some(digits) = self.digits(text, own) else { return false };
        digits.overwrite(text, own);
        true
    }

    fn digits(&self, text: &str, own: &TraceParent) -> Option<ParentDigits> {
        // What a message does not bring is to be added: the next hop may read nothing else.
        let usual = self.written.as_ref()?;
        let written = self.envelope.written_first(text)?;
        let found = ParentDigits::find(text, &written, own)?;
        let propagator = self.envelope.propagator();
        let passes_on = || written.baggage().all(|list| propagator.passes_on(list));
        (found.are_where(usual) && passes_on()).then_some(found)
    }

    /// The context of a message as headers, for a hop that is a request: of what
    /// [`Relay::forward`] gave, so that payload and headers say the same (rule MS-7).
    #[must_use]
    pub fn headers(&self, text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let found = self.envelope.extract(text);
        self.envelope.propagator().inject(&found.context, &mut headers);
        headers
    }

    /// The way back: a message for what came as a request, with the context of the request's headers
    /// in place of any in the text. Without one, the text stays as it is.
    #[must_use]
    pub fn with_headers<'a>(&self, text: &'a str, headers: &HeaderMap) -> Cow<'a, str> {
        let context = self.envelope.propagator().extract(headers).context;
        match context.is_empty() {
            true => Cow::Borrowed(text),
            false => self.envelope.replace(text, &context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Decision, SpanId};
    use crate::propagation::Propagator;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn own() -> TraceContext {
        let received: TraceParent = PARENT.parse().unwrap();
        received.child(SpanId::from_u64(7).unwrap(), Decision::Sampled).into()
    }

    fn relay(mode: RelayMode) -> Relay {
        Relay::new(Envelope::json()).mode(mode)
    }

    /// Every way in which a context can stand in a text, and texts without one.
    fn texts() -> Vec<String> {
        let member = format!(r#""_trace":{{"traceparent":"{PARENT}"}}"#);
        vec![
            format!("{{{member}}}"),
            format!(r#"{{{member},"a":1}}"#),
            format!(r#"{{"a":1,{member}}}"#),
            format!(r#"{{"a":1,{member},"b":{{{member}}}}}"#),
            format!(r#" {{ {member} , "a" : 1 }} "#),
            format!(r#"{{"_sentry":{{"trace":"{}-1"}},"a":1}}"#, &PARENT[3..52]),
            format!(r#"{{"_meta":{{"traceparent":"{PARENT}","x":1}},"a":1}}"#),
            r#"{"a":1}"#.into(),
        ]
    }

    #[test]
    fn ms_7_the_next_hops_parent_is_the_relays_span_wherever_the_context_stood() {
        for text in texts() {
            let out = relay(RelayMode::Reparent).forward_text(&text, &own()).into_owned();
            let found = Envelope::json().extract(&out);
            assert_eq!(found.context.parent(), own().parent(), "{text}");
            assert_eq!(found.refused, []);
            let stripped = |text: &str| Envelope::json().strip(text).into_owned();
            assert_eq!(stripped(&out), stripped(&text));
            // Once more, as a chain of relays does it.
            let again = relay(RelayMode::Reparent).forward_text(&out, &own()).into_owned();
            assert_eq!(again, out);
        }
    }

    #[test]
    fn the_other_modes_pass_on_or_take_away() {
        for text in texts() {
            let passed = relay(RelayMode::PassThrough).forward_text(&text, &own()).into_owned();
            assert_eq!(passed, text);
            let bare = relay(RelayMode::Strip).forward_text(&text, &own()).into_owned();
            assert!(Envelope::json().extract(&bare).context.is_empty(), "{bare}");
        }
    }

    #[test]
    fn ms_3_what_is_no_object_and_a_relay_without_a_span_change_nothing() {
        for mode in [RelayMode::PassThrough, RelayMode::Reparent, RelayMode::Strip] {
            for text in ["", "[1]", "7", "\"{}\"", "{\"a\":1", "null"] {
                assert!(matches!(relay(mode).forward_text(text, &own()), Cow::Borrowed(_)));
            }
        }
        let nothing = TraceContext::new();
        assert_eq!(relay(RelayMode::Reparent).forward_text(r#"{"a":1}"#, &nothing), r#"{"a":1}"#);
    }

    #[test]
    fn what_a_message_does_not_bring_is_added_since_the_next_hop_may_read_nothing_else() {
        let text = format!(r#"{{"_trace":{{"traceparent":"{PARENT}"}},"a":1}}"#);
        let out = relay(RelayMode::Reparent).forward_text(&text, &own()).into_owned();
        assert_eq!(out, Envelope::json().replace(&text, &own()));
        assert!(out.contains("\"_sentry\""));

        let only_trace = Envelope::json().write([crate::websocket::Placement::Trace]);
        let both = Envelope::json().replace("{}", &own()).into_owned();
        let out = Relay::new(only_trace).forward_text(&both, &own()).into_owned();
        assert!(!out.contains("\"_sentry\""));
    }

    #[test]
    fn tp_8_a_text_of_ones_own_is_reparented_in_place() {
        let received: TraceParent = PARENT.parse().unwrap();
        let mut text = Envelope::json().inject(r#"{"a":1}"#, &received.into()).into_owned();
        let (place, length) = (text.as_ptr(), text.len());
        assert!(relay(RelayMode::Reparent).reparent(&mut text, own().parent().unwrap()));
        assert_eq!((text.as_ptr(), text.len()), (place, length));
        assert_eq!(Envelope::json().extract(&text).context.parent(), own().parent());

        let mut other = text.replace("0af7", "0af8");
        let before = other.clone();
        assert!(!relay(RelayMode::Reparent).reparent(&mut other, own().parent().unwrap()));
        assert_eq!(other, before);
    }

    #[test]
    fn tracestate_and_baggage_pass_a_relay_as_they_came() {
        let sentry = format!("{}-1", &PARENT[3..52]);
        let text = format!(
            r#"{{"_trace":{{"traceparent":"{PARENT}","tracestate":"a=1","sentry-trace":"{sentry}","baggage":"x=%C3%A9 ; p"}},"_sentry":{{"trace":"{sentry}"}},"a":1}}"#
        );
        let propagator = Propagator::default().forward_baggage(true);
        let relay = Relay::new(Envelope::json().propagation(propagator));
        let out = relay.forward_text(&text, &own()).into_owned();
        assert_eq!(out, text.replace("b7ad6b7169203331", "0000000000000007"));
    }

    #[test]
    fn baggage_that_is_kept_here_is_kept_wherever_the_context_stood() {
        let sentry = format!("{}-1", &PARENT[3..52]);
        let baggage = "sentry-release=a,tenant=7";
        let member = format!(
            r#""_trace":{{"traceparent":"{PARENT}","sentry-trace":"{sentry}","baggage":"{baggage}"}},"_sentry":{{"trace":"{sentry}"}}"#
        );
        for text in [format!(r#"{{{member},"a":1}}"#), format!(r#"{{"a":1,{member}}}"#)] {
            let mut own = Envelope::json().extract(&text).context;
            own = own.child(SpanId::from_u64(7).unwrap(), Decision::Sampled);
            let mut kept = text.clone();
            assert!(!relay(RelayMode::Reparent).reparent(&mut kept, own.parent().unwrap()));
            assert_eq!(kept, text);
            let out = relay(RelayMode::Reparent).forward_text(&text, &own).into_owned();
            let found = Envelope::json().extract(&out).context;
            assert_eq!(found.baggage().get("sentry-release").as_deref(), Some("a"), "{out}");
            assert_eq!(found.baggage().get("tenant"), None, "{out}");
        }
    }

    #[test]
    fn ms_7_payload_and_headers_say_the_same_and_the_way_back_too() {
        let relay = relay(RelayMode::Reparent);
        for text in texts() {
            let out = relay.forward_text(&text, &own()).into_owned();
            let headers = relay.headers(&out);
            assert_eq!(headers["traceparent"], own().parent().unwrap().to_string());
            assert_eq!(headers.get_all("sentry-trace").iter().count(), 1);
            let back = relay.with_headers(&text, &headers).into_owned();
            assert_eq!(Envelope::json().extract(&back).context.parent(), own().parent());
            assert_eq!(relay.with_headers(&text, &HeaderMap::new()), text);
        }
        assert!(relay.headers("[1]").is_empty());
    }
}
